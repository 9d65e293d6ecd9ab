// The ways in which a program ends; the exit code is the result.
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "guest.h"

static void at_exit(void) { printf("at exit\n"); }

static int deeper(volatile int *from, int n) {
  volatile int frame[64];
  frame[n & 63] = *from;
  return n == -1 ? 0 : deeper(frame, n + 1) + frame[3];
}

int main(int argc, char **argv) {
  const char *how = argc > 1 ? argv[1] : "";
  const int value = argc > 2 ? atoi(argv[2]) : 0;
  printf("ending: %s\n", how);
  fflush(stdout);
  // No core file is wanted wherever this runs.
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  if (strcmp(how, "return") == 0) return value;
  if (strcmp(how, "exit") == 0) { atexit(at_exit); exit(value); }
  if (strcmp(how, "_exit") == 0) { atexit(at_exit); _exit(value); }
  if (strcmp(how, "abort") == 0) abort();
  if (strcmp(how, "raise") == 0) raise(value);
  if (strcmp(how, "null-call") == 0) ((void (*)(void))0)();
  if (strcmp(how, "null-read") == 0) return *(volatile int *)0;
  if (strcmp(how, "wild-jump") == 0) asm volatile("jmp *%0" : : "r"(0xdeadbeef));
  if (strcmp(how, "stack") == 0) return deeper(&(int){value}, 0);
  if (strcmp(how, "bad-stack") == 0) asm volatile("movl $16, %esp\n pushl %eax");
  if (strcmp(how, "ud2") == 0) asm volatile("ud2");
  if (strcmp(how, "int3") == 0) asm volatile("int3");
  if (strcmp(how, "hlt") == 0) asm volatile("hlt");
  if (strcmp(how, "divide") == 0) { volatile int zero = 0; return 5 / zero; }
  if (strcmp(how, "read-only") == 0) { *(volatile char *)"constant" = 1; return 3; }
  if (strcmp(how, "text") == 0) { *(volatile char *)main = 1; return 3; }
  if (strcmp(how, "run-off") == 0) {
    uint8_t *page = mmap(NULL, 0x2000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 0x1000, 0x1000);
    memset(page, 0x90, 0x1000);
    ((void (*)(void))(page + 0xf00))();
  }
  if (strcmp(how, "blocked") == 0) {
    // A fault whose signal is blocked or ignored kills nevertheless.
    signal(SIGSEGV, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL);
    *(volatile int *)4 = 1;
  }
  if (strcmp(how, "no-handler-stack") == 0) {
    signal(SIGSEGV, (void (*)(int))at_exit);
    asm volatile("xorl %esp, %esp\n pushl %eax");
  }
  if (strcmp(how, "bad-frame") == 0) asm volatile("movl $173, %eax\n movl $0x10, %esp\n int $0x80");
  if (strcmp(how, "pipe") == 0) {
    int ends[2];
    if (pipe(ends) == 0) close(ends[0]);
    return write(ends[1], "x", 1) == 1;
  }
  return 99;
}
