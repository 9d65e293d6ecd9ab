// Files in memory: shared and private, what fork sees, beyond the end, changed protections, moved mappings.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.h"

static sigjmp_buf back;
static volatile int code;
static void on_fault(int signal, siginfo_t *info, void *data) {
  (void)data;
  code = info->si_code;
  siglongjmp(back, signal);
}

static int touch(volatile char *at, int write) {
  const int signal = sigsetjmp(back, 1);
  if (signal != 0) return signal * 100 + code;
  if (write) *at = 'w';
  else (void)*at;
  return 0;
}

int main(void) {
  struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  const int fd = open("data", O_RDWR | O_CREAT | O_TRUNC, 0644);
  char page[4096];
  for (int i = 0; i < 3; ++i) {
    memset(page, 'a' + i, sizeof page);
    if (write(fd, page, i == 2 ? 1000 : sizeof page) < 0) return 1;
  }
  char *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char *private = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  printf("%c%c%c rest %d\n", shared[0], private[4096], shared[8192 + 999], shared[8192 + 1000]);
  shared[10] = 'S';
  private[4096 + 10] = 'P';
  char byte[2];
  if (pread(fd, byte, 1, 10) != 1 || pread(fd, byte + 1, 1, 4096 + 10) != 1) return 1;
  printf("file %c%c private sees %c\n", byte[0], byte[1], private[10]);
  if (pwrite(fd, "XY", 2, 20) != 2) return 1;
  printf("shared %c\n", shared[20]);  // what a private page sees of later writes is unspecified
  const pid_t child = fork();
  if (child == 0) {
    shared[30] = 'C';
    private[4096 + 30] = 'C';
    _exit(private[4096 + 10] == 'P' ? 0 : 1);
  }
  int status;
  waitpid(child, &status, 0);
  printf("child %d shared %c private %c\n", WEXITSTATUS(status), shared[30], private[4096 + 30]);
  printf("beyond the end %d\n", touch(mmap(NULL, 5 * 4096, PROT_READ, MAP_SHARED, fd, 0) + 3 * 4096, 0));
  if (ftruncate(fd, 4096) != 0) return 1;
  char *fresh = mmap(NULL, 3 * 4096, PROT_READ, MAP_SHARED, fd, 0);
  printf("after truncation %d %d %d\n", touch(fresh + 8192, 0), touch(fresh + 100, 0), touch(shared + 100, 1));
  const int reader = open("data", O_RDONLY);
  errno = 0;
  check("shared and writable needs a writable file",
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0) == MAP_FAILED && errno == EACCES);
  char *readable = mmap(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
  printf("write to a readable one %d, mprotect %d %s\n", touch(readable, 1), mprotect(readable, 4096, PROT_WRITE), strerror(errno));

  char *area = mmap((void *)0x40000000, 8 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (int i = 0; i < 8; ++i) area[i * 4096] = (char)('0' + i);
  mprotect(area + 2 * 4096, 2 * 4096, PROT_READ);
  munmap(area + 5 * 4096, 4096);
  mmap(area + 6 * 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  for (int i = 0; i < 8; ++i) printf("%d:%d/%d ", i, touch(area + i * 4096, 0), touch(area + i * 4096 + 1, 1));
  printf("new page %d\n", area[6 * 4096]);
  char *moved = mremap(area, 4096, 3 * 4096, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)0x41000000);
  printf("moved %p %c %d old %d\n", (void *)moved, moved[0], moved[8192], touch(area, 0));
  moved = mremap(moved, 3 * 4096, 4096, 0);
  printf("shrunk %d %d\n", touch(moved, 0), touch(moved + 4096, 0));
  check("cannot grow in place", mremap(area + 4096, 4096, 2 * 4096, 0) == MAP_FAILED && errno == ENOMEM);
  madvise(area + 4096, 4096, MADV_DONTNEED);
  printf("dropped %d\n", area[4096]);
  check("taken", mmap((void *)0x40001000, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
  char *many[64];
  for (int i = 0; i < 64; ++i) many[i] = mmap(NULL, 4096 * (size_t)(i % 5 + 1), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int apart = 1;
  for (int i = 0; i < 64; ++i) memset(many[i], i, 4096);
  for (int i = 0; i < 64; ++i) apart &= many[i][4095] == i && ((uintptr_t)many[i] & 4095) == 0;
  check("many mappings", apart);
  unlink("data");
  return 0;
}
