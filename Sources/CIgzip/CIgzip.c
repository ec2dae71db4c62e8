#include "CIgzip.h"

#include <isa-l/crc.h>
#include <isa-l/crc64.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

// Tokens are gathered here; the larger it is, the fewer blocks and the better their Huffman codes.
enum { TOKEN_BYTES = ISAL_DEF_LVL2_EXTRA_LARGE };

struct encoder {
    struct isal_zstream stream;
    uint8_t tokens[TOKEN_BYTES];
};

void *cigzip_make(void) { return calloc(1, sizeof(struct encoder)); }

void cigzip_free(void *encoder) { free(encoder); }

size_t cigzip_bound(size_t length) {
    // Stored blocks have 5 bytes for each 65,535; ISA-L falls back to them when the output would be larger.
    return length + 5 * (length / 65535 + 1) + 64;
}

size_t cigzip_deflate(void *memory, const void *bytes, size_t length, void *output, size_t capacity) {
    struct encoder *encoder = memory;
    struct isal_zstream *stream = &encoder->stream;
    if (length > UINT32_MAX || capacity > UINT32_MAX) return 0;
    isal_deflate_stateless_init(stream);
    // The call above leaves it as it was; 0 is the largest window.
    stream->hist_bits = 0;
    stream->level = 2;
    stream->level_buf = encoder->tokens;
    stream->level_buf_size = TOKEN_BYTES;
    stream->end_of_stream = 1;
    stream->flush = NO_FLUSH;
    // It is read only.
    stream->next_in = (uint8_t *)bytes;
    stream->avail_in = (uint32_t)length;
    stream->next_out = output;
    stream->avail_out = (uint32_t)capacity;
    if (isal_deflate_stateless(stream) != COMP_OK || stream->avail_in != 0) return 0;
    return stream->total_out;
}

uint32_t cigzip_crc32(uint32_t checksum, const void *bytes, size_t length) {
    return crc32_gzip_refl(checksum, bytes, length);
}

uint64_t cigzip_crc64(uint64_t checksum, const void *bytes, size_t length) {
    return crc64_ecma_refl(checksum, bytes, length);
}
