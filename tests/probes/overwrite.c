// overwrite SECONDS: in a container, hold every program file that another process of it runs and that is not
// the container's own, and try to open it for writing, as CVE-2019-5736 did. Nothing is ever written.
//   exe DEVICE INODE NAME     a file that was reached
//   open ERRNO COUNT          how the attempts to open one for writing ended; 0: it was open
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define HELD 64
#define TRIES 200

static struct { dev_t device; ino_t inode; int fd; } held[HELD];
static int count;
static long ended[256];
static dev_t root_device;
static struct stat self;

static void attack(int fd) {
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int writable = open(path, O_WRONLY | O_CLOEXEC);
    ended[writable >= 0 ? 0 : errno & 255]++;
    if (writable >= 0) close(writable);
}

static void hold(int fd, struct stat *status) {
    for (int i = 0; i < count; i++)
        if (held[i].device == status->st_dev && held[i].inode == status->st_ino) { attack(fd); close(fd); return; }
    if (count == HELD) { close(fd); return; }
    char path[64], name[256];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, name, sizeof name - 1);
    name[length > 0 ? length : 0] = 0;
    printf("exe %lu %lu %s\n", (unsigned long)status->st_dev, (unsigned long)status->st_ino, name);
    fflush(stdout);
    held[count].device = status->st_dev;
    held[count].inode = status->st_ino;
    held[count++].fd = fd;
}

static void look(const char *pid) {
    char path[300];
    struct stat status;
    snprintf(path, sizeof path, "/proc/%s/exe", pid);
    int fd = open(path, O_PATH | O_CLOEXEC);
    if (fd < 0) return;
    if (fstat(fd, &status) || status.st_dev == root_device ||
        (status.st_dev == self.st_dev && status.st_ino == self.st_ino)) { close(fd); return; }
    hold(fd, &status);
}

int main(int argc, char **argv) {
    struct stat root;
    time_t end = time(0) + (argc > 1 ? atoi(argv[1]) : 5);
    if (stat("/", &root) || stat("/proc/self/exe", &self)) return 2;
    root_device = root.st_dev;
    puts("ready");
    fflush(stdout);
    while (time(0) < end && access("/stop", F_OK)) {
        DIR *proc = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(proc));)
            if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9') look(entry->d_name);
        closedir(proc);
        for (int i = 0; i < count; i++) attack(held[i].fd);
    }
    for (int i = 0; i < count; i++)
        for (int n = 0; n < TRIES; n++) attack(held[i].fd);
    for (int i = 0; i < 256; i++)
        if (ended[i]) printf("open %d %ld\n", i, ended[i]);
    puts("done");
    return 0;
}
