// inherit: what a process was given without asking. One "name value" a line.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KEYCTL_DESCRIBE 6
#define SESSION -3

static void descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    for (struct dirent *entry; (entry = readdir(directory));)
        if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory)) printf("fd %s\n", entry->d_name);
    closedir(directory);
}

static void signals(void) {
    sigset_t blocked;
    sigprocmask(SIG_BLOCK, 0, &blocked);
    for (int number = 1; number < 65; number++) {
        struct {
            void (*handler)(int);
            unsigned long flags, restorer, mask;
        } action;  // the kernel's own, for glibc says nothing of 32 and 33
        if (!syscall(SYS_rt_sigaction, number, 0, &action, 8) && action.handler == SIG_IGN) printf("ignored %d\n", number);
        if (sigismember(&blocked, number) > 0) printf("blocked %d\n", number);
    }
}

static void keyring(void) {
    char text[256], *name;
    long length = syscall(SYS_keyctl, KEYCTL_DESCRIBE, SESSION, text, sizeof text - 1);
    if (length < 0) { printf("keyring errno %d\n", errno); return; }
    name = strrchr(text, ';');
    printf("keyring %s\n", !strncmp(name ? name + 1 : "", "_ses.", 5) || strlen(name) > 12 ? "own" : name + 1);
}

int main(void) {
    char cwd[4096];
    int death = 0;
    mode_t mask = umask(0);
    prctl(PR_GET_PDEATHSIG, &death);
    printf("umask %04o\n", mask);
    printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "unreachable");
    printf("pdeathsig %d\n", death);
    printf("dumpable %d\n", prctl(PR_GET_DUMPABLE));
    printf("timerslack %d\n", prctl(PR_GET_TIMERSLACK));
    printf("keepcaps %d\n", prctl(PR_GET_KEEPCAPS));
    printf("securebits %d\n", prctl(PR_GET_SECUREBITS));
    printf("subreaper %d\n", (prctl(PR_GET_CHILD_SUBREAPER, &death), death));
    printf("no_new_privs %d\n", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    printf("personality %d\n", personality(0xffffffff));
    printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
    printf("policy %d\n", sched_getscheduler(0));
    printf("leader %d\n", getsid(0) == getpid() && getpgrp() == getpid());
    descriptors();
    signals();
    keyring();
    return 0;
}
