// What Swift cannot say to libmongoc by itself: `bson_t` is over-aligned, so it exists in Swift only behind pointers,
// and variadic functions and macros do not come through at all.
#ifndef BACKUPCTL_CMONGOC_SHIM_H
#define BACKUPCTL_CMONGOC_SHIM_H

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

static inline void cm_ignore_log(mongoc_log_level_t level, const char *domain, const char *message, void *context) {
    (void) level, (void) domain, (void) message, (void) context;
}

// The driver's own log goes nowhere: it would print to stderr, with host names and pieces of URIs.
static inline void cm_start(void) {
#ifdef __GLIBC__
    // Documents reach 16 MiB. By default glibc, once it has seen such a block, keeps all further ones in the arenas
    // of the threads that freed them; with a fixed threshold they go back to the system: a third less at the peak.
    // That freezes the other threshold too, so low that every batch would fault all of its pages in again.
    mallopt(M_MMAP_THRESHOLD, 4 << 20);
    mallopt(M_TRIM_THRESHOLD, 64 << 20);
#endif
    mongoc_init();
    mongoc_log_set_handler(cm_ignore_log, NULL);
    // The driver's counters lie in shared memory under the process's number. Left behind by a process that is killed,
    // that name makes the driver of a later process of the same number print a warning, before this code runs.
    char name[32];
    snprintf(name, sizeof(name), "/mongoc-%u", (unsigned) getpid());
    shm_unlink(name);
}

// A document that a driver function fills in ("uninitialised" in its documentation): free it with cm_reply_free only.
static inline bson_t *cm_reply_new(void) {
    bson_t *reply = (bson_t *) aligned_alloc(_Alignof(bson_t), sizeof(bson_t));
    if (reply) {
        bson_init(reply);
    }
    return reply;
}

static inline void cm_reply_free(bson_t *reply) {
    if (reply) {
        bson_destroy(reply);
        free(reply);
    }
}

static inline const char *cm_error_message(const bson_error_t *error) {
    return error->message;
}

// The error has nothing to add: a listing without its session fails at its second batch, and says so.
static inline bool cm_append_session(const mongoc_client_session_t *session, bson_t *options) {
    bson_error_t error;
    return mongoc_client_session_append(session, options, &error);
}

// Inserts `count` documents that lie one after the other in `bytes`, without copying them into `bson_t`s first.
// `malformed` is set when the bytes do not hold that many documents; nothing is sent then.
static inline bool cm_insert_many(mongoc_collection_t *collection, const uint8_t *bytes, size_t length, size_t count,
                                  const bson_t *options, bson_t *reply, bson_error_t *error, bool *malformed) {
    bson_t *documents = (bson_t *) aligned_alloc(_Alignof(bson_t), sizeof(bson_t) * count);
    const bson_t **pointers = (const bson_t **) malloc(sizeof(bson_t *) * count);
    size_t offset = 0, made = 0;
    bool result = false;
    *malformed = documents == NULL || pointers == NULL;
    while (!*malformed && made < count) {
        int32_t size = 0;
        if (length - offset >= 5) {
            memcpy(&size, bytes + offset, 4);
            size = BSON_UINT32_FROM_LE(size);
        }
        if (size < 5 || (size_t) size > length - offset ||
            !bson_init_static(&documents[made], bytes + offset, (size_t) size)) {
            *malformed = true;
            break;
        }
        pointers[made] = &documents[made];
        offset += (size_t) size;
        made++;
    }
    if (!*malformed && offset == length) {
        bson_destroy(reply);
        result = mongoc_collection_insert_many(collection, pointers, count, options, reply, error);
    } else {
        *malformed = true;
    }
    free(pointers);
    free(documents);
    return result;
}

#endif
