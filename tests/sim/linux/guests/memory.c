// The address space: mmap and its relatives, brk, the stack; compared with a native run.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static sigjmp_buf back;
static void on_fault(int signal, siginfo_t *info, void *data) {
  (void)data;
  siglongjmp(back, signal * 100 + info->si_code);
}

static int touch(volatile char *at, int write) {
  const int fault = sigsetjmp(back, 1);
  if (fault) return fault;
  if (write) *at = 5;
  else (void)*at;
  return 0;
}

static void report(const char *what, long result) { printf("%s: %ld %s\n", what, result, result == -1 ? strerror(errno) : ""); }

static void *map(void *at, size_t size, int prot, int flags, int fd, off_t offset) {
  void *result = mmap(at, size, prot, flags, fd, offset);
  return result;
}

static void protection(void) {
  char *p = map(NULL, 5 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memset(p, 1, 5 * 4096);
  report("mprotect none", mprotect(p + 4096, 4096, PROT_NONE));
  report("mprotect read", mprotect(p + 8192, 4096, PROT_READ));
  for (int i = 0; i < 5; ++i) printf("%d: %d %d\n", i, touch(p + i * 4096, 0), touch(p + i * 4096, 1));
  mprotect(p, 5 * 4096, PROT_READ | PROT_WRITE);
  for (int i = 0; i < 5; ++i) printf("%d ", p[i * 4096 + 1]);
  printf("\n");
  report("munmap hole", munmap(p + 4096, 4096));
  report("mprotect hole", mprotect(p, 5 * 4096, PROT_READ));
  printf("%d %d %d\n", touch(p, 1), touch(p + 4096, 0), touch(p + 8192, 1));
  report("unaligned", mprotect(p + 1, 4096, PROT_READ));
  report("munmap unaligned", munmap(p + 1, 4096));
  report("munmap nothing", munmap(p, 0));
  report("mmap nothing", (long)map(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  report("mmap no type", (long)map(NULL, 4096, PROT_READ, MAP_ANONYMOUS, -1, 0));
  report("mmap bad fd", (long)map(NULL, 4096, PROT_READ, MAP_PRIVATE, 99, 0));
  report("mmap too big", (long)map(NULL, 0xfffff000u, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  char *q = map(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(q + 4096, 4096);
  char *r = map(q + 4096, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("hint taken %d\n", r == q + 4096);
  r = map(q, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  report("noreplace", (long)r);
  char *fixed = map(q, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  printf("fixed %d %d\n", fixed == q, q[0]);
}

static void files(void) {
  char name[] = "mapped.tmp";
  const int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  char text[6000];
  for (int i = 0; i < 6000; ++i) text[i] = (char)(i % 95 + 32);
  printf("%d\n", (int)write(fd, text, sizeof text));
  char *private = map(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
  char *shared = map(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  printf("same %d %d\n", memcmp(private, text, 6000), memcmp(shared, text, 6000));
  printf("rest is zero %d %d\n", private[6000], shared[8191]);
  printf("beyond %d\n", touch(private + 8192, 0));
  shared[10] = '!';
  private[20] = '?';
  shared[7000] = 'x';
  char byte[2] = {0};
  pread(fd, byte, 1, 10);
  pread(fd, byte + 1, 1, 20);
  printf("file sees %c %c\n", byte[0], byte[1] == text[20] ? '=' : byte[1]);
  pwrite(fd, "ABC", 3, 4096);
  printf("mapping sees %.3s\n", shared + 4096);
  report("msync", msync(shared, 8192, MS_SYNC));
  report("msync bad", msync(shared, 8192, MS_SYNC | MS_ASYNC));
  lseek(fd, 0, SEEK_END);
  printf("size %ld\n", (long)lseek(fd, 0, SEEK_CUR));
  const int pid = fork();
  if (pid == 0) {
    shared[30] = '#';
    private[40] = '#';
    _exit(0);
  }
  waitpid(pid, NULL, 0);
  printf("after child %c %d\n", shared[30], private[40] == text[40]);
  munmap(shared, 8192);
  pread(fd, byte, 1, 30);
  printf("in the file %c\n", byte[0]);
  const int reader = open(name, O_RDONLY);
  report("shared write of read-only", (long)map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, reader, 0));
  char *look = map(NULL, 4096, PROT_READ, MAP_SHARED, reader, 0);
  report("mprotect it", mprotect(look, 4096, PROT_READ | PROT_WRITE));
  report("offset", (long)map(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 100));
  char *second = map(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
  printf("%.3s\n", second);
  ftruncate(fd, 100);
  printf("cut %d\n", touch(look, 0));
  unlink(name);
  char *both = map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (fork() == 0) {
    strcpy(both, "from the child");
    _exit(0);
  }
  wait(NULL);
  printf("%s\n", both);
}

static void remapping(void) {
  char *p = map(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  strcpy(p, "first");
  strcpy(p + 4096, "second");
  char *wall = map(p + 8192, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
  report("grow in place", (long)mremap(p, 8192, 16384, 0));
  char *q = mremap(p, 8192, 32768, MREMAP_MAYMOVE);
  printf("%s %s %d moved %d\n", q, q + 4096, q[20000], q != p);
  printf("old gone %d\n", touch(p, 0) != 0 || p == q);
  char *r = mremap(q, 32768, 4096, 0);
  printf("shrunk %d %s %d\n", r == q, r, touch(q + 4096, 0) != 0);
  char *target = map(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  char *s = mremap(r, 4096, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, target);
  printf("fixed %d %s\n", s == target, s);
  report("overlap", (long)mremap(s, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, s + 4096));
  report("nothing there", (long)mremap((void *)0x20000000, 4096, 8192, MREMAP_MAYMOVE));
  printf("wall %d\n", touch(wall, 0));
  report("dontneed", madvise(s, 4096, MADV_DONTNEED));
  printf("forgotten %d\n", s[0]);
  report("madvise bad", madvise(s, 4096, 1234));
}

static void program_break(void) {
  char *start = sbrk(0);
  report("sbrk", sbrk(100000) == start ? 0 : 1);
  memset(start, 7, 100000);
  report("shrink", sbrk(-50000) == start + 100000 ? 0 : 1);
  printf("kept %d\n", start[100]);
  sbrk(50000);
  printf("fresh %d\n", start[99999]);
  printf("below %d\n", syscall(SYS_brk, 0x1000) == (long)(intptr_t)sbrk(0));
  void *big[64];
  for (int i = 0; i < 64; ++i) memset(big[i] = malloc((size_t)(i + 1) * 3000), i, (size_t)(i + 1) * 3000);
  unsigned sum = 0;
  for (int i = 0; i < 64; ++i) sum += ((unsigned char *)big[i])[i * 10], big[i] = realloc(big[i], 200000);
  for (int i = 0; i < 64; ++i) sum += ((unsigned char *)big[i])[5], free(big[i]);
  printf("sum %u\n", sum);
}

static void executable(void) {
  // Code that is written, run, changed and run again.
  unsigned char *code = map(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (int i = 0; i < 3; ++i) {
    const unsigned char function[] = {0xb8, (unsigned char)i, 0, 0, 0, 0xc3};
    memcpy(code, function, sizeof function);
    printf("code returns %d\n", ((int (*)(void))code)());
  }
  mprotect(code, 4096, PROT_READ | PROT_WRITE);
  const int fault = sigsetjmp(back, 1);
  if (fault == 0) printf("data runs: %d\n", ((int (*)(void))code)());
  else printf("data does not run: %d\n", fault);
  mprotect(code, 4096, PROT_READ | PROT_EXEC);
  printf("code again: %d\n", ((int (*)(void))code)());
  const int zero = open("/dev/zero", O_RDWR);
  unsigned char *zeros = map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, zero, 0);
  printf("zero %d\n", zeros[100] + touch((char *)zeros, 1));
}

static int deep(int n) {
  volatile char room[8000];
  room[0] = (char)n;
  return n == 0 ? 1 : deep(n - 1) + (room[0] & 1);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, NULL);
  sigaction(SIGBUS, &action, NULL);
  protection();
  files();
  remapping();
  program_break();
  executable();
  printf("deep %d\n", deep(900));
  printf("kernel %d %d\n", touch((char *)0xffffe000u, 0), touch((char *)0xfffff000u, 1));
  char outside[16];
  printf("efault %d %d\n", (int)syscall(SYS_read, open("/proc/self/exe", O_RDONLY), 0xffffe000u, 10), errno == EFAULT);
  printf("efault %d %d\n", (int)syscall(SYS_write, 1, 0x100, 10), errno == EFAULT);
  printf("efault %d %d\n", (int)syscall(SYS_getcwd, outside, 1), errno == ERANGE);
  return 0;
}
