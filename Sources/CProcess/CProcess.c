#define _GNU_SOURCE
#include "CProcess.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// Only async-signal-safe calls from here to exec: other threads of the parent may have held any lock.
static _Noreturn void become(enum cprocess_bond bond, pid_t parent, const char *path, char *const argv[],
                             char *const envp[], const int *descriptors, int count, int report) {
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (bond == CPROCESS_OWN_SESSION) {
        setsid();
    } else {
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        // It may have died before the line above.
        if (getppid() != parent) _exit(127);
    }
    for (int number = 0; number < count; number++) {
        if (dup2(descriptors[number], number) < 0) goto failed;
    }
    if (close_range((unsigned)count, UINT_MAX, CLOSE_RANGE_CLOEXEC) != 0) {
        long limit = sysconf(_SC_OPEN_MAX);
        for (int number = count; number < limit; number++) fcntl(number, F_SETFD, FD_CLOEXEC);
    }
    execve(path, argv, envp ? envp : environ);
failed:;
    int reason = errno;
    if (write(report, &reason, sizeof reason) < 0) _exit(126);
    _exit(127);
}

int cprocess_start(pid_t *process, enum cprocess_bond bond, const char *path, char *const argv[], char *const envp[],
                   const int *descriptors, int count) {
    for (int number = 0; number < count; number++) {
        if (descriptors[number] < count) return EINVAL;
    }
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    // Out of the way of the numbers that the child uses.
    int report = fcntl(ends[1], F_DUPFD_CLOEXEC, count);
    int failure = report < 0 ? errno : 0;
    close(ends[1]);
    pid_t parent = getpid();
    pid_t child = failure ? -1 : fork();
    if (child == 0) become(bond, parent, path, argv, envp, descriptors, count, report);
    if (child < 0 && !failure) failure = errno;
    if (report >= 0) close(report);
    if (child > 0) {
        int reason = 0;
        ssize_t length;
        do length = read(ends[0], &reason, sizeof reason);
        while (length < 0 && errno == EINTR);
        if (length == sizeof reason) {
            while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
            failure = reason ? reason : ENOEXEC;
        } else {
            *process = child;
        }
    }
    close(ends[0]);
    return failure;
}

static void ignore(int number) { (void)number; }

int cprocess_become_keeper(void) {
    for (int number = 1; number < NSIG; number++) {
        switch (number) {
        case SIGKILL: case SIGSTOP: case SIGCHLD: case SIGSEGV: case SIGBUS: case SIGILL: case SIGABRT: case SIGFPE:
            break;
        default: signal(number, SIG_IGN);
        }
    }
    // A handler that does nothing, so that the end of a child interrupts the wait; blocked elsewhere, so that none is missed.
    struct sigaction action = {.sa_handler = ignore};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    if (sigaction(SIGCHLD, &action, NULL) != 0 || sigprocmask(SIG_BLOCK, &child, NULL) != 0) return errno;
    return prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 ? 0 : errno;
}

int cprocess_wait(int descriptor, int milliseconds) {
    struct pollfd wanted = {.fd = descriptor, .events = POLLIN};
    struct timespec limit = {.tv_sec = milliseconds / 1000, .tv_nsec = (milliseconds % 1000) * 1000000L};
    sigset_t none;
    sigemptyset(&none);
    return ppoll(&wanted, 1, &limit, &none) > 0 ? 1 : 0;
}

int cprocess_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno; }

void cprocess_widen(int pipe, int bytes) { fcntl(pipe, F_SETPIPE_SZ, bytes); }
