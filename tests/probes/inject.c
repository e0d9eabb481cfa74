// inject TEXT: push TEXT into the terminals behind 0, 1, 2 and /dev/tty (TIOCSTI), and into a virtual console
// (TIOCLINUX). Prints the errno of each attempt; 0: it went in.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int push(int fd, const char *text) {
    for (; *text; text++)
        if (ioctl(fd, TIOCSTI, text)) return errno;
    return 0;
}

int main(int argc, char **argv) {
    char paste[] = {3};  // TIOCL_PASTESEL
    int tty = open("/dev/tty", O_RDWR);
    printf("tty %d\n", tty < 0 ? errno : push(tty, argv[1]));
    for (int fd = 0; fd < 3; fd++) {
        printf("%d %d\n", fd, push(fd, argv[1]));
        printf("console %d %d\n", fd, ioctl(fd, TIOCLINUX, paste) ? errno : 0);
    }
    return argc != 2;
}
