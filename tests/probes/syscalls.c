// syscalls ABI FIRST LAST: what each system call number answers when all its arguments are -1.
//   NUMBER RESULT    RESULT: an errno, 0 for success, "exit", "hangs" or "signal N"
// ABI: x86_64; x32: the same instruction with its bit set; i386: the gate of 32-bit programs.
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static long native(long number) {
    long result;
    register long fourth __asm__("r10") = -1;
    register long fifth __asm__("r8") = -1;
    register long sixth __asm__("r9") = -1;
    __asm__ volatile("syscall" : "=a"(result)
                     : "a"(number), "D"(-1L), "S"(-1L), "d"(-1L), "r"(fourth), "r"(fifth), "r"(sixth)
                     : "rcx", "r11", "memory");
    return result;
}

static long gate(long number) {
    int result;
    // The base pointer is the sixth argument there.
    __asm__ volatile("push %%rbp; mov $-1, %%rbp; int $0x80; pop %%rbp" : "=a"(result)
                     : "a"((int)number), "b"(-1), "c"(-1), "d"(-1), "S"(-1), "D"(-1)
                     : "r8", "r9", "r10", "r11", "memory");
    return result;
}

static void child(int out, int i386, long number) {
    pid_t me = getpid();
    long result = i386 ? gate(number) : native(number);
    if (getpid() != me) _exit(0);  // fork, and its like
    int answer = result < 0 && result > -4096 ? (int)-result : 0;
    if (write(out, &answer, sizeof answer) < 0) _exit(1);
    _exit(0);
}

static void probe(int i386, long number, long shown) {
    int ends[2], answer, status;
    if (pipe(ends)) exit(2);
    pid_t pid = fork();
    if (pid == 0) { close(ends[0]); child(ends[1], i386, number); }
    close(ends[1]);
    struct pollfd ready = {.fd = ends[0], .events = POLLIN};
    int hangs = poll(&ready, 1, 300) == 0;
    if (hangs) kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    if (hangs) printf("%ld hangs\n", shown);
    else if (read(ends[0], &answer, sizeof answer) == sizeof answer) printf("%ld %d\n", shown, answer);
    else if (WIFSIGNALED(status)) printf("%ld signal %d\n", shown, WTERMSIG(status));
    else printf("%ld exit\n", shown);
    close(ends[0]);
}

int main(int argc, char **argv) {
    if (argc != 4) return 2;
    int i386 = !strcmp(argv[1], "i386");
    long bit = strcmp(argv[1], "x32") ? 0 : 0x40000000;
    setvbuf(stdout, 0, _IOFBF, 1 << 16);
    for (long number = atol(argv[2]); number <= atol(argv[3]); number++) {
        fflush(stdout);
        probe(i386, number | bit, number);
    }
    return 0;
}
