// Signal handlers that change what they return to: registers, EIP, flags, x87 state; and what frames hold.
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "guest.h"

static volatile int hits;

static void skip_and_set(int signal, siginfo_t *info, void *data) {
  greg_t *regs = ((ucontext_t *)data)->uc_mcontext.gregs;
  (void)signal, (void)info;
  ++hits;
  regs[REG_EIP] += 2;  // the faulting load is two bytes
  regs[REG_EAX] = 0x1111;
  regs[REG_ECX] += 1;
  regs[REG_EFL] |= 0x1;
}

static void supply_page(int signal, siginfo_t *info, void *data) {
  (void)signal, (void)data;
  ++hits;
  mmap((void *)((uint32_t)info->si_addr & ~0xfffu), 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void redirected(void) {
  static const char text[] = "redirected\n";
  if (write(1, text, sizeof text - 1) < 0) _exit(9);
  _exit(hits == 3 ? 0 : 1);
}

static void redirect(int signal, siginfo_t *info, void *data) {
  greg_t *regs = ((ucontext_t *)data)->uc_mcontext.gregs;
  (void)signal, (void)info;
  ++hits;
  regs[REG_EIP] = (greg_t)redirected;
  regs[REG_ESP] = (regs[REG_ESP] & ~15) - 4;
}

static void install(int signal, void (*handler)(int, siginfo_t *, void *)) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
  sigaction(signal, &action, NULL);
}

static void x87_in_handler(int signal, siginfo_t *info, void *data) {
  (void)signal, (void)info;
  // The handler has an x87 of its own; the interrupted one is in the frame.
  unsigned short control;
  asm volatile("fnstcw %0" : "=m"(control));
  const struct _libc_fpstate *saved = ((ucontext_t *)data)->uc_mcontext.fpregs;
  printf("handler's control word %x, saved %lx, saved top register %04x %04x\n", control, saved->cw & 0xffff,
         saved->_st[0].exponent, saved->_st[0].significand[3]);
  volatile double x = 3;
  for (int i = 0; i < 9; ++i) x = x * 1.5 + 1;
  // Return with a different value on top.
  ((struct _libc_fpstate *)saved)->_st[0].exponent = 0x4001;
}

static char seen_flags[3];
static void note_flags(int signal, siginfo_t *info, void *data) {
  (void)info;
  uint32_t now;
  asm volatile("pushfl\n popl %0" : "=r"(now));
  seen_flags[0] = (now & 0x400) != 0;
  seen_flags[1] = (((ucontext_t *)data)->uc_mcontext.gregs[REG_EFL] & 0x400) != 0;
  seen_flags[2] = (char)signal;
}

static void classic(int signal) { printf("classic handler, signal %d\n", signal); }

int main(void) {
  install(SIGSEGV, skip_and_set);
  uint32_t eax = 5, carry = 0;
  uint32_t ecx = 7;
  asm volatile("xorl %%edx, %%edx\n clc\n movl (%%edx), %%eax\n sbbl %2, %2" : "+a"(eax), "+c"(ecx), "=r"(carry) : : "edx", "cc", "memory");
  printf("eax %x ecx %u carry %x hits %d\n", eax, ecx, carry, hits);

  install(SIGSEGV, supply_page);
  volatile uint32_t *missing = (volatile uint32_t *)0x29000ffe;
  *missing = 0xa1b2c3d4;  // across two missing pages: two faults, one store
  printf("supplied: %08x\n", *missing);
  hits -= 1;

  install(SIGUSR1, x87_in_handler);
  unsigned short control = 0x27f, after;
  double top;
  asm volatile("fldcw %0" : : "m"(control));
  asm volatile("fld1\n fldpi\n faddp");
  kill(getpid(), SIGUSR1);
  asm volatile("fstpl %0\n fnstcw %1" : "=m"(top), "=m"(after));
  printf("top %.10f control %x\n", top, after);
  control = 0x37f;
  asm volatile("fldcw %0" : : "m"(control));

  install(SIGUSR2, note_flags);
  uint32_t back;
  const int pid = getpid();
  asm volatile("std\n int $0x80\n pushfl\n cld\n popl %0" : "=r"(back) : "a"(37), "b"(pid), "c"(SIGUSR2) : "cc", "memory");
  printf("DF in handler %d, in frame %d, after %d, signal %d\n", seen_flags[0], seen_flags[1], (back & 0x400) != 0, seen_flags[2]);

  signal(SIGUSR1, classic);
  raise(SIGUSR1);
  install(SIGSEGV, redirect);
  hits = 2;
  fflush(stdout);
  *(volatile int *)8 = 1;
  return 5;
}
