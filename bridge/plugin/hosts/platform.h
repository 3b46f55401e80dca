/* What the test hosts ask of the system: the clock, sleep, a mapped file, a library. Linux, macOS, and Windows by MinGW. */
#ifndef LEGANDO_PLATFORM_H
#define LEGANDO_PLATFORM_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#ifdef _WIN32

#include <windows.h>

static inline uint64_t now_ns(void) {
    LARGE_INTEGER count, each_s;
    QueryPerformanceCounter(&count);
    QueryPerformanceFrequency(&each_s);
    const uint64_t n = (uint64_t)count.QuadPart, f = (uint64_t)each_s.QuadPart;
    return n / f * 1000000000u + n % f * 1000000000u / f;
}

static inline void sleep_until_ns(uint64_t due) {
    static HANDLE timer;
    const uint64_t now = now_ns();
    const LARGE_INTEGER later = {.QuadPart = -(LONGLONG)((due - now) / 100)}; /* negative: from now on, in 100 ns */
    if (due <= now) return;
    if (!timer) timer = CreateWaitableTimerExW(NULL, NULL, 2 /* high resolution, since Windows 10 1803 */, TIMER_ALL_ACCESS);
    if (!timer) timer = CreateWaitableTimerW(NULL, TRUE, NULL);
    if (SetWaitableTimer(timer, &later, 0, NULL, NULL, FALSE)) WaitForSingleObject(timer, INFINITE);
}

/* Make a file of so many bytes, all 0, and map it; ends the program where that cannot be. */
static inline void *map_file(const char *path, uint64_t bytes) {
    HANDLE file = CreateFileA(path, GENERIC_READ | GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, CREATE_ALWAYS, 0, NULL);
    HANDLE mapping = CreateFileMappingA(file, NULL, PAGE_READWRITE, (DWORD)(bytes >> 32), (DWORD)bytes, NULL);
    void *at = mapping ? MapViewOfFile(mapping, FILE_MAP_WRITE, 0, 0, 0) : NULL;
    if (!at) {
        fprintf(stderr, "%s: error %lu\n", path, GetLastError());
        exit(2);
    }
    return at;
}

static inline uint64_t switches_so_far(void) { return 0; } /* Windows does not tell */
static inline int take_urgency(void) { return SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_TIME_CRITICAL) != 0; }
static inline void *open_library(const char *path) { return (void *)LoadLibraryA(path); }
static inline void *find_symbol(void *library, const char *name) { return (void *)(uintptr_t)GetProcAddress((HMODULE)library, name); }

#else

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void sleep_until_ns(uint64_t due) {
#ifdef __APPLE__
    const uint64_t now = now_ns(), left = due > now ? due - now : 0;
    const struct timespec time = {(time_t)(left / 1000000000u), (long)(left % 1000000000u)};
    nanosleep(&time, NULL);
#else
    const struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
#endif
}

/* Make a file of so many bytes, all 0, and map it; ends the program where that cannot be. */
static inline void *map_file(const char *path, uint64_t bytes) {
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    void *at = fd < 0 || ftruncate(fd, (off_t)bytes) ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED) {
        perror(path);
        exit(2);
    }
    close(fd);
    return at;
}

/* How often this thread has given up its core by itself, which is what blocking does. */
static inline uint64_t switches_so_far(void) {
#ifdef RUSAGE_THREAD
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_nvcsw;
#else
    return 0;
#endif
}

/* Give this thread the priority that a DAW's audio thread has; 0 where the system refuses. */
static inline int take_urgency(void) {
    const struct sched_param priority = {.sched_priority = 60};
    return pthread_setschedparam(pthread_self(), SCHED_FIFO, &priority) == 0;
}

static inline void *open_library(const char *path) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) fprintf(stderr, "%s\n", dlerror());
    return library;
}
static inline void *find_symbol(void *library, const char *name) { return dlsym(library, name); }

#endif
#endif
