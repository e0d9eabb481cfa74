// watch SECONDS: in a container, look at every process that appears, as early as can be, and say what of the
// machine outside could be had from it (CVE-2016-9962). One line for each thing that was ever seen:
//   root own|other     where /proc/PID/root leads
//   cwd PATH, fd TARGET, exe TARGET
//   trace ERRNO        of opening its memory, to write to; 0: it was open
//   caps HEX           CapEff, of a process that is not a program of the container's yet
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SEEN 512
static char *seen[SEEN], *pending[SEEN];
static int count, waiting;
static struct stat root, self;

static void say(const char *format, ...) {
    char line[512];
    va_list list;
    va_start(list, format);
    vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (waiting < SEEN) pending[waiting++] = strdup(line);
}

// What was seen counts if the process is still none of the container's programs, else it came too late.
static void settle(int counts) {
    for (int n = 0; n < waiting; n++) {
        int known = !counts;
        for (int i = 0; i < count && !known; i++) known = !strcmp(seen[i], pending[n]);
        if (known || count == SEEN) { free(pending[n]); continue; }
        puts(seen[count++] = pending[n]);
    }
    waiting = 0;
    fflush(stdout);
}

static void link_of(int pid, const char *what, const char *kind) {
    char path[64], target[256];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, what);
    ssize_t length = readlink(path, target, sizeof target - 1);
    if (length < 0) { if (errno != ENOENT && errno != ESRCH) say("%s errno %d", kind, errno); return; }
    target[length] = 0;
    for (char *c = target; *c; c++)  // numbers of pipes and sockets say nothing
        if (*c == '[') { *c = 0; break; }
    say("%s %s", kind, target);
}

static void descriptors(int pid) {
    char path[64], what[300];
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *directory = opendir(path);
    if (!directory) { if (errno != ENOENT && errno != ESRCH) say("fd errno %d", errno); return; }
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.') {
            snprintf(what, sizeof what, "fd/%s", entry->d_name);
            link_of(pid, what, "fd");
        }
    closedir(directory);
}

static void capabilities(int pid) {
    char path[64], text[4096], *found;
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return;
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    text[length > 0 ? length : 0] = 0;
    if ((found = strstr(text, "CapEff:\t"))) say("caps %.16s", found + 8);
}

// Before its execve: a program that is not of the container's own root.
static int foreign(int pid) {
    char path[64];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%d/exe", pid);
    if (stat(path, &status)) return errno != ENOENT && errno != ESRCH;
    return status.st_dev != root.st_dev && !(status.st_dev == self.st_dev && status.st_ino == self.st_ino);
}

static void look(int pid) {
    char path[64];
    struct stat status;
    if (!foreign(pid)) return;
    snprintf(path, sizeof path, "/proc/%d/root/", pid);
    if (!stat(path, &status))
        say("root %s", status.st_dev == root.st_dev && status.st_ino == root.st_ino ? "own" : "other");
    else if (errno != ENOENT && errno != ESRCH) say("root errno %d", errno);
    descriptors(pid);
    link_of(pid, "cwd", "cwd");
    link_of(pid, "exe", "exe");
    capabilities(pid);
    snprintf(path, sizeof path, "/proc/%d/mem", pid);  // asks as ptrace(2) does, and holds nobody up
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) { say("trace 0"); close(fd); }
    else if (errno != ENOENT && errno != ESRCH) say("trace %d", errno);
    settle(foreign(pid));
}

int main(int argc, char **argv) {
    time_t end = time(0) + (argc > 1 ? atoi(argv[1]) : 5);
    if (stat("/", &root) || stat("/proc/self/exe", &self)) return 2;
    int last = getpid();
    puts("ready");
    fflush(stdout);
    while (time(0) < end && access("/stop", F_OK))
        for (int round = 0; round < 1000; round++)
            for (int next = 1; next <= 3; next++)
                if (kill(last + next, 0) == 0 || errno == EPERM) {
                    for (int again = 0; again < 2000 && kill(last + next, 0) == 0; again++) look(last + next);
                    last += next;
                    break;
                }
    puts("done");
    return 0;
}
