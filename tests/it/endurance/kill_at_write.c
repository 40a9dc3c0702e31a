/* Kills the process at the n-th operation that changes files below a folder, so that a test can stop a run at each of
 * them in turn. KILL_BELOW names the folder, KILL_AT is n, and with KILL_TORN half of a write reaches the file first.
 * Without KILL_AT nothing is killed. Loaded with LD_PRELOAD. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_int operations;

/* Whether the operation on this file is the one to die at. */
static int is_last(int fd) {
    const char *at = getenv("KILL_AT"), *below = getenv("KILL_BELOW");
    if (!at || !below) return 0;
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    /* The shared-memory index of the log is rebuilt after a crash, and the lock holds nothing. */
    if (!strstr(path, below) || strstr(path, "-shm")) return 0;
    return atomic_fetch_add(&operations, 1) + 1 == atoi(at);
}

static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *bytes, size_t count) {
    if (is_last(fd)) {
        if (getenv("KILL_TORN")) REAL(write)(fd, bytes, count / 2);
        die();
    }
    return REAL(write)(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    if (is_last(fd)) {
        if (getenv("KILL_TORN")) REAL(pwrite64)(fd, bytes, count / 2, offset);
        die();
    }
    return REAL(pwrite64)(fd, bytes, count, offset);
}

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) {
    if (is_last(fd)) {
        if (getenv("KILL_TORN")) REAL(pwrite)(fd, bytes, count / 2, offset);
        die();
    }
    return REAL(pwrite)(fd, bytes, count, offset);
}

int fsync(int fd) {
    if (is_last(fd)) die();
    return REAL(fsync)(fd);
}

int fdatasync(int fd) {
    if (is_last(fd)) die();
    return REAL(fdatasync)(fd);
}

int ftruncate64(int fd, off64_t length) {
    if (is_last(fd)) die();
    return REAL(ftruncate64)(fd, length);
}
