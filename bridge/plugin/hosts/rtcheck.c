/* rtcheck: see what an audio thread must not do. Preload it into a host that raises the flag around process():
 *
 *   cc -O2 -shared -fPIC rtcheck.c -o rtcheck.so -ldl        LD_PRELOAD=./rtcheck.so claphost ...
 *
 * Between rtcheck_enter() and rtcheck_leave() of a thread, two nets are out: calls into libc that allocate, lock, wait,
 * or touch files and sockets; and, through the kernel's syscall user dispatch (Linux 5.11, x86-64), every system call,
 * whoever makes it, which arrives as SIGSYS and is then made after all. rtcheck_leave() returns how many were caught.
 * The first of each name goes to standard error, once the flag is down again.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define LOCAL __thread __attribute__((tls_model("initial-exec")))
static LOCAL volatile int flagged, caught;
static LOCAL const char *volatile what;
static LOCAL volatile int which = -1;
static LOCAL volatile char selector; /* 0: system calls are let through; 1: they raise SIGSYS */
static LOCAL int armed;

static inline void see(const char *name) {
    if (flagged) {
        caught++;
        what = name;
        selector = 0; /* that it ends in a system call is not counted twice */
    }
}

static void on_sigsys(int number, siginfo_t *info, void *context) {
    greg_t *reg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)number;
    selector = 0;
    if (flagged) {
        caught++;
        which = info->si_syscall;
    }
    const int kept = errno;
    const long result = syscall(reg[REG_RAX], reg[REG_RDI], reg[REG_RSI], reg[REG_RDX], reg[REG_R10], reg[REG_R8], reg[REG_R9]);
    reg[REG_RAX] = result == -1 ? -errno : result;
    errno = kept;
}

/* Raise the flag of this thread; the first time this asks the kernel for its help, -1 if that is refused. */
void rtcheck_enter(void) {
    if (!armed) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_sigsys;
        action.sa_flags = SA_SIGINFO;
        sigaction(SIGSYS, &action, NULL);
        selector = 0;
        armed = prctl(59 /* PR_SET_SYSCALL_USER_DISPATCH */, 1, 0, 0, &selector) ? -1 : 1;
        if (armed < 0) fprintf(stderr, "rtcheck: this kernel does not dispatch system calls; only calls into libc are seen\n");
    }
    caught = 0;
    what = NULL;
    which = -1;
    flagged = 1;
    selector = armed > 0;
}

int rtcheck_leave(void) {
    selector = 0;
    flagged = 0;
    if (what) fprintf(stderr, "rtcheck: %s\n", what);
    if (which >= 0) fprintf(stderr, "rtcheck: system call %d\n", which);
    return caught;
}

/* Whether system calls are seen too, on this thread. */
int rtcheck_sees_syscalls(void) { return armed > 0; }

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

void *malloc(size_t n) { see("malloc"); return __libc_malloc(n); }
void *calloc(size_t n, size_t m) { see("calloc"); return __libc_calloc(n, m); }
void *realloc(void *p, size_t n) { see("realloc"); return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { see("memalign"); return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { see("aligned_alloc"); return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { see("posix_memalign"); return (*p = __libc_memalign(a, n)) ? 0 : ENOMEM; }
void free(void *p) { see("free"); __libc_free(p); }

/* The next definition of NAME, found before the flag can be up. */
#define WRAP(result, name, types, names)                      \
    static result(*next_##name) types;                        \
    result name types {                                       \
        see(#name);                                           \
        if (!next_##name) next_##name = dlsym(RTLD_NEXT, #name); \
        return next_##name names;                             \
    }
WRAP(int, pthread_mutex_lock, (pthread_mutex_t *m), (m))
WRAP(int, pthread_mutex_trylock, (pthread_mutex_t *m), (m))
WRAP(int, pthread_mutex_timedlock, (pthread_mutex_t *m, const struct timespec *t), (m, t))
WRAP(int, pthread_spin_lock, (pthread_spinlock_t *m), (m))
WRAP(int, pthread_rwlock_rdlock, (pthread_rwlock_t *m), (m))
WRAP(int, pthread_rwlock_wrlock, (pthread_rwlock_t *m), (m))
WRAP(int, pthread_create, (pthread_t *t, const pthread_attr_t *a, void *(*f)(void *), void *p), (t, a, f, p))
WRAP(int, pthread_join, (pthread_t t, void **p), (t, p))
WRAP(int, sem_wait, (sem_t *s), (s))
WRAP(int, sem_post, (sem_t *s), (s))
WRAP(int, sem_timedwait, (sem_t *s, const struct timespec *t), (s, t))
WRAP(ssize_t, read, (int f, void *p, size_t n), (f, p, n))
WRAP(ssize_t, write, (int f, const void *p, size_t n), (f, p, n))
WRAP(ssize_t, readv, (int f, const struct iovec *p, int n), (f, p, n))
WRAP(ssize_t, writev, (int f, const struct iovec *p, int n), (f, p, n))
WRAP(ssize_t, send, (int f, const void *p, size_t n, int o), (f, p, n, o))
WRAP(ssize_t, recv, (int f, void *p, size_t n, int o), (f, p, n, o))
WRAP(ssize_t, sendmsg, (int f, const struct msghdr *m, int o), (f, m, o))
WRAP(ssize_t, recvmsg, (int f, struct msghdr *m, int o), (f, m, o))
WRAP(int, poll, (struct pollfd *p, nfds_t n, int t), (p, n, t))
WRAP(int, nanosleep, (const struct timespec *t, struct timespec *r), (t, r))
WRAP(int, clock_nanosleep, (clockid_t c, int o, const struct timespec *t, struct timespec *r), (c, o, t, r))
WRAP(int, usleep, (useconds_t t), (t))
WRAP(int, sched_yield, (void), ())

/* Condition variables have two versions in glibc; RTLD_NEXT would find the old one. */
#define COND(name, types, names)                                                 \
    static int(*next_##name) types;                                              \
    int name types {                                                             \
        see(#name);                                                              \
        if (!next_##name) next_##name = dlvsym(RTLD_NEXT, #name, "GLIBC_2.3.2"); \
        return next_##name names;                                                \
    }
COND(pthread_cond_wait, (pthread_cond_t *c, pthread_mutex_t *m), (c, m))
COND(pthread_cond_timedwait, (pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *t), (c, m, t))
COND(pthread_cond_signal, (pthread_cond_t *c), (c))
COND(pthread_cond_broadcast, (pthread_cond_t *c), (c))

__attribute__((constructor)) static void find(void) {
#define FIND(name) next_##name = dlsym(RTLD_NEXT, #name);
    FIND(pthread_mutex_lock) FIND(pthread_mutex_trylock) FIND(read) FIND(write) FIND(send) FIND(recv) FIND(poll)
    FIND(nanosleep) FIND(clock_nanosleep) FIND(sem_post) FIND(sched_yield)
}
