/*
 * Process 1 for `run --init`: starts the command as its child, forwards signals to it, reaps whatever is
 * orphaned to it, and ends as the command ends. Like tini, in one file and without libc, so that the same
 * few hundred bytes run in any image.
 *
 *     docker-init -- COMMAND ARGUMENT…
 *
 * Built by script/build-init for each machine; the results lie beside this file.
 */

typedef unsigned long word;

#if defined(__x86_64__)
enum { SYS_execve = 59, SYS_exit_group = 231, SYS_fork_by_clone = 56, SYS_ioctl = 16, SYS_kill = 62,
       SYS_getpid = 39, SYS_rt_sigprocmask = 14, SYS_rt_sigtimedwait = 128, SYS_setpgid = 109, SYS_wait4 = 61,
       SYS_write = 1 };
__asm__(".globl _start\n_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall begin\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    long result;
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}
#elif defined(__aarch64__)
enum { SYS_execve = 221, SYS_exit_group = 94, SYS_fork_by_clone = 220, SYS_ioctl = 29, SYS_kill = 129,
       SYS_getpid = 172, SYS_rt_sigprocmask = 135, SYS_rt_sigtimedwait = 137, SYS_setpgid = 154, SYS_wait4 = 260,
       SYS_write = 64 };
__asm__(".globl _start\n_start:\n\tmov x29, #0\n\tmov x0, sp\n\tbl begin\n");

static long call(long number, long a, long b, long c, long d, long e)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4) : "memory");
    return x0;
}
#else
#error "no system calls for this machine"
#endif

enum { SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7, SIGFPE = 8, SIGSEGV = 11, SIGCHLD = 17, SIGSYS = 31 };
enum { SIG_BLOCK = 0, SIG_SETMASK = 2, WNOHANG = 1, TIOCSPGRP = 0x5410, ENOENT = 2, ENOTDIR = 20, EACCES = 13 };

#define BIT(signal) (1ul << ((signal) - 1))
/* Everything but what a fault of our own raises. */
static const word FORWARDED = ~(BIT(SIGILL) | BIT(SIGTRAP) | BIT(SIGABRT) | BIT(SIGBUS) | BIT(SIGFPE) |
                                BIT(SIGSEGV) | BIT(SIGSYS));

static word length(const char *text)
{
    word count = 0;
    while (text[count])
        count++;
    return count;
}

static void say(const char *text)
{
    call(SYS_write, 2, (long)text, (long)length(text), 0, 0);
}

static const char *path_of(char **environment)
{
    for (; *environment; environment++) {
        const char *entry = *environment;
        if (entry[0] == 'P' && entry[1] == 'A' && entry[2] == 'T' && entry[3] == 'H' && entry[4] == '=')
            return entry + 5;
    }
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
}

static int has_slash(const char *name)
{
    for (; *name; name++)
        if (*name == '/')
            return 1;
    return 0;
}

/* execvp(3); returns the errno that tells most. */
static long execute(char **arguments, char **environment)
{
    static char candidate[4096];
    const char *name = arguments[0], *path = path_of(environment);
    word size = length(name);
    long worst = ENOENT;

    if (has_slash(name))
        return -call(SYS_execve, (long)name, (long)arguments, (long)environment, 0, 0);
    while (*path && size) {
        word at = 0;
        while (*path && *path != ':') {
            if (at + size + 2 < sizeof candidate)
                candidate[at++] = *path;
            path++;
        }
        if (*path)
            path++;
        if (!at)
            candidate[at++] = '.';
        candidate[at++] = '/';
        for (word i = 0; i <= size && at + i < sizeof candidate; i++)
            candidate[at + i] = name[i];
        long error = -call(SYS_execve, (long)candidate, (long)arguments, (long)environment, 0, 0);
        if (error != ENOENT && error != ENOTDIR)
            worst = error;
    }
    return worst;
}

static void become(char **arguments, char **environment, word old_mask)
{
    int self = (int)call(SYS_getpid, 0, 0, 0, 0, 0);
    /* A group of its own in front of the terminal: ctrl-C reaches it once, not also by way of us. SIGTTOU is
     * blocked here, so that tcsetpgrp(3) does not stop us. Without a terminal it fails, and nothing is lost. */
    call(SYS_setpgid, 0, 0, 0, 0, 0);
    call(SYS_ioctl, 0, TIOCSPGRP, (long)&self, 0, 0);
    call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old_mask, 0, sizeof old_mask, 0);
    long error = execute(arguments, environment);
    say("init: exec: \"");
    say(arguments[0]);
    say(error == ENOENT ? "\": executable file not found in $PATH\n" : "\": permission denied\n");
    call(SYS_exit_group, error == ENOENT ? 127 : 126, 0, 0, 0, 0);
}

/* Wait for everybody who has ended; when the command is among them, end as it did. */
static void reap(long command)
{
    int status, code = -1;
    long pid;

    while ((pid = call(SYS_wait4, -1, (long)&status, WNOHANG, 0, 0)) > 0)
        if (pid == command)
            code = (status & 0x7f) ? 128 + (status & 0x7f) : (status >> 8) & 0xff;
    if (code >= 0)
        call(SYS_exit_group, code, 0, 0, 0, 0);
}

__attribute__((used, noreturn)) void begin(word *stack)
{
    word count = stack[0], mask = FORWARDED, old_mask = 0;
    char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;

    if (count < 3 || arguments[1][0] != '-' || arguments[1][1] != '-' || arguments[1][2]) {
        say("usage: docker-init -- COMMAND ARGUMENT...\n");
        call(SYS_exit_group, 125, 0, 0, 0, 0);
    }
    call(SYS_rt_sigprocmask, SIG_BLOCK, (long)&mask, (long)&old_mask, sizeof mask, 0);
    long command = call(SYS_fork_by_clone, SIGCHLD, 0, 0, 0, 0);
    if (command == 0)
        become(arguments + 2, environment, old_mask);
    if (command < 0) {
        say("init: fork: cannot\n");
        call(SYS_exit_group, 128, 0, 0, 0, 0);
    }
    for (;;) {
        long signal = call(SYS_rt_sigtimedwait, (long)&mask, 0, 0, sizeof mask, 0);
        if (signal == SIGCHLD)
            reap(command);
        else if (signal > 0)
            call(SYS_kill, command, signal, 0, 0, 0);
    }
}
