// Blocking, pending, nesting, stacks, interrupted calls, alarms.
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static char order[200];
static volatile int first = 1;

static void record(int signal) {
  const size_t at = strlen(order);
  snprintf(order + at, sizeof order - at, "%d<", signal);
  if (first) {
    first = 0;
    raise(SIGUSR2);  // nested
    raise(SIGUSR1);  // waits until this one returns
  }
  strcat(order, ">");
}

static void set(int signal, void (*handler)(int), int flags) {
  struct sigaction action = {.sa_handler = handler, .sa_flags = flags};
  sigaction(signal, &action, NULL);
}

static volatile uintptr_t handler_stack;
static void note_stack(int signal) {
  (void)signal;
  char here;
  handler_stack = (uintptr_t)&here;
}

static volatile int alarms;
static void on_alarm(int signal) { (void)signal; ++alarms; }

static sigjmp_buf back;
static void leave(int signal) { siglongjmp(back, signal); }

static void overflow(int n) {
  volatile char ballast[4096];
  ballast[0] = (char)n;
  if (n != -1) overflow(n + ballast[0] * 0 + 1);
  ballast[1] = 1;
}

// Code that makes no system call is interrupted as well.
static void busy(void) {
  set(SIGALRM, on_alarm, 0);
  const struct itimerval timer = {{0, 0}, {0, 1000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  while (alarms == 0) {}
  check("busy loop interrupted", alarms == 1);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "busy") == 0) {
    busy();
    return 0;
  }
  set(SIGUSR1, record, 0);
  set(SIGUSR2, record, 0);
  raise(SIGUSR1);
  printf("nesting %s\n", order);

  sigset_t mask, pending;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGUSR2);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  order[0] = 0;
  kill(getpid(), SIGUSR2);
  kill(getpid(), SIGUSR1);
  kill(getpid(), SIGUSR1);
  sigpending(&pending);
  printf("pending %d %d before %s\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2), *order ? "wrong" : "none");
  sigprocmask(SIG_UNBLOCK, &mask, NULL);
  printf("after %s\n", order);

  static char stack[32768];
  stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack}, old;
  sigaltstack(&alternate, NULL);
  set(SIGUSR1, note_stack, SA_ONSTACK);
  raise(SIGUSR1);
  check("alternate stack", handler_stack - (uintptr_t)stack < sizeof stack);
  set(SIGUSR1, note_stack, 0);
  raise(SIGUSR1);
  check("ordinary stack", handler_stack - (uintptr_t)stack >= sizeof stack);
  sigaltstack(NULL, &old);
  check("read back", old.ss_sp == stack && old.ss_size == sizeof stack && old.ss_flags == 0);

  set(SIGUSR1, record, SA_RESETHAND | SA_NODEFER);
  raise(SIGUSR1);
  struct sigaction now;
  sigaction(SIGUSR1, NULL, &now);
  check("reset after one", now.sa_handler == SIG_DFL);

  set(SIGALRM, on_alarm, 0);
  struct itimerval timer = {{0, 0}, {0, 20000}};
  setitimer(ITIMER_REAL, &timer, NULL);
  int result = pause();
  printf("pause %d %s alarms %d\n", result, strerror(errno), alarms);
  int ends[2];
  if (pipe(ends) != 0) return 1;
  char byte;
  setitimer(ITIMER_REAL, &timer, NULL);
  result = (int)read(ends[0], &byte, 1);
  printf("read %d %s alarms %d\n", result, strerror(errno), alarms);
  set(SIGALRM, on_alarm, SA_RESTART);
  timer.it_interval.tv_usec = 10000;
  setitimer(ITIMER_REAL, &timer, NULL);
  const pid_t child = fork();
  if (child == 0) {
    struct timespec nap = {0, 60000000};
    nanosleep(&nap, NULL);
    _exit(write(ends[1], "x", 1) == 1 ? 0 : 1);
  }
  result = (int)read(ends[0], &byte, 1);
  timer.it_value.tv_usec = timer.it_interval.tv_usec = 0;
  setitimer(ITIMER_REAL, &timer, NULL);
  check("restarted read", result == 1 && byte == 'x' && alarms > 2);
  waitpid(child, NULL, 0);
  alarm(100);
  check("alarm left", alarm(0) == 100);

  set(SIGSEGV, leave, SA_ONSTACK);
  const int caught = sigsetjmp(back, 1);
  if (caught == 0) overflow(0);
  printf("stack overflow gave %d\n", caught);
  sigprocmask(SIG_BLOCK, NULL, &mask);
  check("mask restored", sigismember(&mask, SIGSEGV) == 0);
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  raise(SIGUSR2);
  struct timespec none = {0, 0};
  siginfo_t info;
  result = sigtimedwait(&mask, &info, &none);
  printf("sigtimedwait %d code %d\n", result, info.si_code);
  return 0;
}
