#ifndef BACKUPCTL_CPROCESS_H
#define BACKUPCTL_CPROCESS_H

#include <sys/types.h>

// Starting and keeping children: what must happen between fork and exec, and Linux calls that Swift's Glibc module
// does not show.

enum cprocess_bond {
    // A session of its own: no terminal, and no signal that a person types, reaches it.
    CPROCESS_OWN_SESSION = 1,
    // A process group of its own, and death by SIGKILL when the thread that started it dies (PR_SET_PDEATHSIG).
    CPROCESS_KEPT = 2,
};

// Starts a program with exactly these descriptors as 0, 1, 2, ... (each must be at least 'count'), every signal at its
// default and none blocked. 'path' is not searched for; without
// 'envp' the child has this process's environment. 0 and the process, or the errno of what failed, exec included.
int cprocess_start(pid_t *process, enum cprocess_bond bond, const char *path, char *const argv[], char *const envp[],
                   const int *descriptors, int count);

// Makes the calling process, which must have one thread, a keeper: orphans among its descendants become its children
// (PR_SET_CHILD_SUBREAPER), and the usual signals do not end it. 0, or errno.
int cprocess_become_keeper(void);

// For a keeper: waits until the descriptor has something to read or was closed at the other end (1), a child ended or
// the time is over (0).
int cprocess_wait(int descriptor, int milliseconds);

// pipe2 with O_CLOEXEC: 0, or errno.
int cprocess_pipe(int ends[2]);

// Lets a pipe hold so many bytes, where the system allows it (fcntl(2), F_SETPIPE_SZ).
void cprocess_widen(int pipe, int bytes);

#endif
