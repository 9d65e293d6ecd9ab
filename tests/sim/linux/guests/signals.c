// Every fault's signal, as its handler sees it, and what handlers may do: compared with a native run.
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile int depth, left;
static char *bad;

static const char *where(const void *address, const ucontext_t *context) {
  if (address == NULL) return "null";
  if (address == (void *)(uintptr_t)context->uc_mcontext.gregs[REG_EIP]) return "eip";
  if ((char *)address >= bad && (char *)address < bad + 8192) return "bad page";
  return "elsewhere";
}

static void on_fault(int signal, siginfo_t *info, void *data) {
  const ucontext_t *c = data;
  printf("signal %d code %d at %s trap %d flags %x cs %x ss %x ds %x\n", signal, info->si_code, where(info->si_addr, c),
         c->uc_mcontext.gregs[REG_TRAPNO], c->uc_mcontext.gregs[REG_EFL] & 0x10400, c->uc_mcontext.gregs[REG_CS],
         c->uc_mcontext.gregs[REG_SS], c->uc_mcontext.gregs[REG_DS]);
  if (signal == SIGSEGV && info->si_code != SI_KERNEL)
    printf("cr2 %s\n", where((void *)(uintptr_t)c->uc_mcontext.cr2, c));
  siglongjmp(back, 1);
}

static void set(int signal, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = handler;
  action.sa_flags = flags | SA_SIGINFO;
  sigaction(signal, &action, NULL);
}

static void faults(void) {
  for (int i = 0; i < 5; ++i) set((int[]){SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS}[i], on_fault, 0);
  volatile int zero = 0, one = 1;
  if (!sigsetjmp(back, 1)) one = one / zero;
  if (!sigsetjmp(back, 1)) __asm__ volatile("ud2");
  if (!sigsetjmp(back, 1)) __asm__ volatile("int3");
  if (!sigsetjmp(back, 1)) __asm__ volatile("hlt");
  if (!sigsetjmp(back, 1)) *(volatile char *)NULL = 1;
  if (!sigsetjmp(back, 1)) one = *(volatile char *)(bad + 4096);
  if (!sigsetjmp(back, 1)) *(volatile char *)bad = 1;
  if (!sigsetjmp(back, 1)) ((void (*)(void))0)();
  if (!sigsetjmp(back, 1)) __asm__ volatile("mov $0x1234, %%eax; mov %%eax, %%fs" ::: "eax");
  for (int i = 0; i < 5; ++i) signal((int[]){SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGBUS}[i], SIG_DFL);
}

static void on_fpe(int signal, siginfo_t *info, void *data) {
  ucontext_t *c = data;
  printf("fpe %d code %d status %lx control %lx tag %lx\n", signal, info->si_code, c->uc_mcontext.fpregs->status & 0xffff,
         c->uc_mcontext.fpregs->cw & 0xffff, c->uc_mcontext.fpregs->tag & 0xffff);
  siglongjmp(back, 1);
}

static void x87(void) {
  set(SIGFPE, on_fpe, 0);
  const unsigned short masks[] = {0x37e, 0x37b, 0x377};
  const double values[][2] = {{0, 0}, {1, 0}, {1e308, 1e-308}};
  for (int i = 0; i < 3; ++i) {
    if (sigsetjmp(back, 1)) {
      __asm__ volatile("fninit");
      continue;
    }
    volatile float result;
    __asm__ volatile("fninit; fldcw %1; fldl %2; fldl %3; fdivrp; fstps %0; fwait" : "=m"(result) : "m"(masks[i]), "m"(values[i][0]), "m"(values[i][1]));
    printf("no exception %d\n", i);
    __asm__ volatile("fninit");
  }
  signal(SIGFPE, SIG_DFL);
}

// The x87 stack survives a handler that uses it.
static void on_use_fpu(int signal) {
  volatile long double sum = 0;
  for (int i = 0; i < 20; ++i) sum += 1.0L / (i + 1);
  printf("handler %d sum %.15Lf\n", signal, sum);
}

static void keep_fpu(void) {
  signal(SIGUSR1, on_use_fpu);
  long double a = 3.25L, b;
  const int pid = getpid();
  int result;
  __asm__ volatile("fldt %2; fldpi; int $0x80; faddp; fstpt %0" : "=m"(b), "=a"(result) : "m"(a), "a"(SYS_kill), "b"(pid), "c"(SIGUSR1) : "memory");
  printf("kept %.15Lf result %d\n", b, result);
}

static void nested(int signal, siginfo_t *info, void *data) {
  (void)data;
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("depth %d signal %d from %s usr1 %d usr2 %d hup %d\n", depth, signal, info->si_code == SI_USER ? "user" : info->si_code == SI_TKILL ? "tkill" : "?",
         sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2), sigismember(&now, SIGHUP));
  ++depth;
  if (left-- > 0) raise(signal == SIGUSR1 ? SIGUSR2 : SIGUSR1);
  --depth;
  printf("leaving %d\n", depth);
}

static void nesting(void) {
  set(SIGUSR1, nested, SA_NODEFER);
  set(SIGUSR2, nested, 0);
  left = 5;
  kill(getpid(), SIGUSR1);
  left = 2;
  raise(SIGUSR2);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = nested;
  action.sa_flags = SA_SIGINFO | SA_RESETHAND;
  sigaddset(&action.sa_mask, SIGHUP);
  sigaction(SIGUSR1, &action, NULL);
  raise(SIGUSR1);
  sigaction(SIGUSR1, NULL, &action);
  printf("reset %d\n", action.sa_handler == SIG_DFL);
}

static char stack[65536];
static void on_alternate(int signal, siginfo_t *info, void *data) {
  (void)info;
  char here;
  stack_t now;
  sigaltstack(NULL, &now);
  const ucontext_t *c = data;
  printf("alternate %d on it %d flags %d saved flags %d aligned %d\n", signal, &here >= stack && &here < stack + sizeof stack, now.ss_flags,
         c->uc_stack.ss_flags, (int)((uintptr_t)__builtin_frame_address(0) % 16));
  if (signal == SIGUSR1) raise(SIGUSR2);
  stack_t off = {.ss_flags = SS_DISABLE};
  printf("while active: %d %s\n", sigaltstack(&off, NULL), strerror(errno));
}

static int recurse(int n) {
  volatile char page[4096];
  page[0] = (char)n;
  return n == 0 ? 0 : recurse(n - 1) + page[0];
}
static void on_overflow(int signal, siginfo_t *info, void *data) {
  (void)info;
  (void)data;
  printf("stack overflow gives %d\n", signal);
  siglongjmp(back, 1);
}

static void alternate(void) {
  stack_t s = {.ss_sp = stack, .ss_size = sizeof stack};
  printf("sigaltstack %d\n", sigaltstack(&s, NULL));
  set(SIGUSR1, on_alternate, SA_ONSTACK);
  set(SIGUSR2, on_alternate, SA_ONSTACK);
  raise(SIGUSR1);
  set(SIGSEGV, on_overflow, SA_ONSTACK);
  if (!sigsetjmp(back, 1)) printf("%d\n", recurse(1 << 20));
  s.ss_size = 100;
  printf("small %d %d\n", sigaltstack(&s, NULL), errno == ENOMEM);
  signal(SIGSEGV, SIG_DFL);
}

static volatile int ticks;
static void on_tick(int signal) { (void)signal; ++ticks; }

static void masks(void) {
  sigset_t set_, pending, old;
  sigemptyset(&set_);
  sigaddset(&set_, SIGUSR1);
  sigaddset(&set_, 40);
  sigprocmask(SIG_BLOCK, &set_, &old);
  signal(SIGUSR1, on_tick);
  signal(40, on_tick);
  for (int i = 0; i < 3; ++i) kill(getpid(), SIGUSR1), kill(getpid(), 40);
  sigpending(&pending);
  printf("pending %d %d ticks %d\n", sigismember(&pending, SIGUSR1), sigismember(&pending, 40), ticks);
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("ticks %d\n", ticks);
  sigprocmask(SIG_BLOCK, &set_, NULL);
  union sigval value = {.sival_int = 77};
  sigqueue(getpid(), 40, value);
  siginfo_t info;
  struct timespec none = {0, 0}, some = {0, 1000};
  const int got = sigtimedwait(&set_, &info, &none);
  printf("waited %d code %d value %d\n", got, info.si_code, info.si_value.sival_int);
  printf("none %d %d\n", sigtimedwait(&set_, &info, &some), errno == EAGAIN);
  sigset_t empty;
  sigemptyset(&empty);
  raise(SIGUSR1);
  printf("suspend %d %d ticks %d\n", sigsuspend(&empty), errno == EINTR, ticks);
  sigprocmask(SIG_BLOCK, NULL, &pending);
  printf("mask back %d\n", sigismember(&pending, SIGUSR1));
}

static void timers(void) {
  struct itimerval timer = {{0, 20000}, {0, 10000}};
  signal(SIGALRM, on_tick);
  ticks = 0;
  setitimer(ITIMER_REAL, &timer, NULL);
  while (ticks < 3) pause();
  memset(&timer, 0, sizeof timer);
  setitimer(ITIMER_REAL, &timer, &timer);
  printf("ticked %d interval %ld\n", ticks, (long)timer.it_interval.tv_usec);
  alarm(1);
  struct timespec long_time = {1000, 0}, rest = {0, 0};
  const int result = nanosleep(&long_time, &rest);
  printf("sleep %d %d rest %d\n", result, errno == EINTR, rest.tv_sec >= 990 && rest.tv_sec < 1000);
  printf("alarm left %u\n", alarm(0));
  int ends[2];
  char byte;
  if (pipe(ends) != 0) abort();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_handler = on_tick;
  sigaction(SIGALRM, &action, NULL);
  alarm(1);
  const int count = (int)read(ends[0], &byte, 1);
  printf("read %d %d\n", count, errno == EINTR);
}

// The classic frame: handlers without SA_SIGINFO through the old call, returning by the code on the stack.
static void on_classic(int signal, struct sigcontext context) {
  printf("classic %d trap %lu cs %x oldmask %lx\n", signal, (unsigned long)context.trapno, context.cs, (unsigned long)context.oldmask);
}
static void classic(void) {
  struct { void *handler; unsigned long mask, flags; void *restorer; } action = {(void *)on_classic, 1u << (SIGUSR2 - 1), 0, NULL};
  printf("%ld\n", syscall(SYS_sigaction, SIGUSR1, &action, NULL));
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGHUP);
  sigprocmask(SIG_SETMASK, &one, NULL);
  raise(SIGUSR1);
  sigset_t now;
  sigprocmask(SIG_BLOCK, NULL, &now);
  printf("after %d %d\n", sigismember(&now, SIGHUP), sigismember(&now, SIGUSR2));
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  bad = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(bad + 4096, 4096);
  faults();
  x87();
  keep_fpu();
  nesting();
  alternate();
  masks();
  timers();
  classic();
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  if (pipe(ends) != 0) return 1;
  close(ends[0]);
  printf("epipe %d %d\n", (int)write(ends[1], "x", 1), errno == EPIPE);
  abort();
}
