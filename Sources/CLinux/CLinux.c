#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>

int csystem_rename_new(int old_directory, const char *old_name, int new_directory, const char *new_name) {
    return renameat2(old_directory, old_name, new_directory, new_name, RENAME_NOREPLACE);
}

int csystem_start_writing(int descriptor, long long offset, long long length) {
    return sync_file_range(descriptor, offset, length, SYNC_FILE_RANGE_WRITE);
}

int csystem_read_past_cache(int descriptor, int is_on) {
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0) return -1;
    return fcntl(descriptor, F_SETFL, is_on ? flags | O_DIRECT : flags & ~O_DIRECT);
}

static int lock(int descriptor, int command, struct flock *request, short type) {
    *request = (struct flock){.l_type = type, .l_whence = SEEK_SET};
    int result;
    do result = fcntl(descriptor, command, request);
    while (result < 0 && errno == EINTR);
    return result;
}

int csystem_lock_shared(int descriptor) {
    struct flock request;
    return lock(descriptor, F_OFD_SETLKW, &request, F_RDLCK);
}

int csystem_lock_alone(int descriptor) {
    struct flock request;
    return lock(descriptor, F_OFD_SETLK, &request, F_WRLCK);
}

int csystem_is_locked_shared(int descriptor) {
    struct flock request;
    if (lock(descriptor, F_OFD_GETLK, &request, F_WRLCK) < 0) return -1;
    return request.l_type == F_RDLCK;
}

void clinux_trim_memory(void) { malloc_trim(0); }
