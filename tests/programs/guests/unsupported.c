// System calls that do not exist, and bad arguments to those that do.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "guest.h"

static void show(const char *what, long result) { printf("%s: %ld %s\n", what, result, result == -1 ? strerror(errno) : ""); }

int main(void) {
  // 17 break, 31 stty, 32 gtty, 35 ftime, 44 prof, 53 lock, 56 mpx, 98 profil, 222, 223, 251, beyond the table.
  static const int numbers[] = {17, 31, 32, 35, 44, 53, 56, 98, 222, 223, 251, 9999, 0x7fffffff, -1};
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    char name[20];
    snprintf(name, sizeof name, "call %d", numbers[i]);
    show(name, syscall(numbers[i], 1, 2, 3));
  }
  char byte;
  show("read, bad descriptor", read(77, &byte, 1));
  show("read, bad address", read(open("/dev/zero", O_RDONLY), (void *)0x10, 4));
  show("write, bad address", write(1, (void *)0xfffff000, 4));
  show("write nothing", write(1, NULL, 0));
  show("open, bad address", open((char *)0x40, O_RDONLY));
  show("open, empty", open("", O_RDONLY));
  show("open, missing", open("/no/such/file", O_RDONLY));
  show("open, not a folder", open("/dev/null/x", O_RDONLY));
  show("close twice", close(55));
  show("dup2 high", dup2(1, 1 << 20));
  show("lseek on a pipe", ({ int p[2]; pipe(p) == 0 ? lseek(p[0], 0, SEEK_SET) : 0; }));
  show("mmap length 0", (long)mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  show("mmap unaligned", (long)mmap((void *)0x12345, 0x1000, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  show("mmap bad descriptor", (long)mmap(NULL, 0x1000, PROT_READ, MAP_PRIVATE, 66, 0));
  show("munmap unaligned", munmap((void *)0x12345, 0x1000));
  show("mprotect nothing", mprotect((void *)0x28000000, 0x1000, PROT_READ));
  show("mprotect bad bits", mprotect((void *)0x28000000, 0x1000, 0x1000));
  show("kill nobody", kill(0x3fffffff, 0));
  show("sigaction 65", sigaction(65, NULL, NULL));
  show("sigaction KILL", ({ struct sigaction a = {.sa_handler = SIG_IGN}; sigaction(SIGKILL, &a, NULL); }));
  show("execve missing", execl("/no/such/program", "x", NULL));
  show("execve folder", execl("/", "x", NULL));
  show("chdir missing", chdir("/no/such/folder"));
  struct iovec bad[2] = {{(void *)"ok ", 3}, {(void *)0x10, 4}};
  const int file = open("file", O_WRONLY | O_CREAT, 0600);
  show("writev, second part bad", writev(file, bad, 2));
  unlink("file");
  show("fcntl bad command", fcntl(1, 12345));
  show("nanosleep bad", syscall(SYS_nanosleep, (void *)4, NULL));
  return 0;
}
