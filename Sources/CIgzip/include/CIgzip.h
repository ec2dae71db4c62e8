#ifndef CIGZIP_H
#define CIGZIP_H

#include <stddef.h>
#include <stdint.h>

// What is used of ISA-L, with its structures kept out of Swift: they are large, and one holds pointers into itself.

// Memory for `cigzip_deflate`, of one thread; NULL when there is none.
void *cigzip_make(void);
void cigzip_free(void *encoder);

// The largest deflate data that `length` bytes can become.
size_t cigzip_bound(size_t length);

// Deflates `length` bytes as one final stream at ISA-L's level 2. Returns the number of bytes, or 0 if they do not fit.
// The same bytes need not give the same stream: with ISA-L 2.30 it can depend on where in memory the encoder lies (seen: 1
// stream of 4,000, by a few bytes; the same encoder copied to another address gave the other one). All of them inflate to
// what was given.
size_t cigzip_deflate(void *encoder, const void *bytes, size_t length, void *output, size_t capacity);

// CRC-32 (RFC 1952) of what `checksum` is of and the bytes after it; 0 is that of nothing.
uint32_t cigzip_crc32(uint32_t checksum, const void *bytes, size_t length);

// CRC-64/XZ (Go's crc64.ECMA) of what `checksum` is of and the bytes after it; 0 is that of nothing.
uint64_t cigzip_crc64(uint64_t checksum, const void *bytes, size_t length);

#endif
