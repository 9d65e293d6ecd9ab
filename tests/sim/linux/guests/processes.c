// fork, exec, wait, pipes, threads, polling; compared with a native run.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void show(const char *what, int status) {
  printf("%s: exited %d code %d signaled %d signal %d\n", what, WIFEXITED(status), WIFEXITED(status) ? WEXITSTATUS(status) : 0, WIFSIGNALED(status),
         WIFSIGNALED(status) ? WTERMSIG(status) : 0);
}

static volatile int children;
static void on_child(int signal, siginfo_t *info, void *context) {
  (void)context;
  ++children;
  printf("SIGCHLD %d code %d status %d\n", signal, info->si_code, info->si_status);
}

static void forks(void) {
  int status, variable = 1;
  pid_t pid = fork();
  if (pid == 0) {
    variable = 2;
    _exit(variable + getppid() * 0);
  }
  printf("wait %d\n", waitpid(pid, &status, 0) == pid);
  show("child", status);
  printf("variable %d\n", variable);
  pid = fork();
  if (pid == 0) kill(getpid(), SIGKILL), _exit(0);
  wait(&status);
  show("killed", status);
  pid = fork();
  if (pid == 0) *(volatile int *)0 = 0;
  wait(&status);
  show("crashed", status);
  pid = vfork();
  if (pid == 0) _exit(9);
  waitpid(pid, &status, 0);
  show("vfork", status);
  printf("no child %d %d\n", wait(NULL), errno == ECHILD);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  action.sa_sigaction = on_child;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGCHLD, &action, NULL);
  if (fork() == 0) _exit(4);
  siginfo_t info;
  memset(&info, 0, sizeof info);
  printf("waitid %d", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT));
  printf(" code %d status %d\n", info.si_code, info.si_status);
  printf("nohang %d\n", waitpid(-1, &status, WNOHANG) > 0);
  show("waited", status);
  printf("children %d\n", children);
  signal(SIGCHLD, SIG_DFL);
  pid = fork();
  if (pid == 0) {
    raise(SIGSTOP);
    _exit(3);
  }
  waitpid(pid, &status, WUNTRACED);
  printf("stopped %d %d\n", WIFSTOPPED(status), WSTOPSIG(status));
  kill(pid, SIGCONT);
  waitpid(pid, &status, 0);
  show("continued", status);
}

static void execs(const char *self) {
  int ends[2], status;
  if (pipe(ends) != 0) abort();
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(ends[1], 1);
    close(ends[0]);
    close(ends[1]);
    char *const environment[] = {"A=first", "B=", NULL};
    fcntl(2, F_SETFD, FD_CLOEXEC);
    signal(SIGINT, SIG_IGN);
    execle(self, "again", "--child", "two words", "", NULL, environment);
    _exit(127);
  }
  close(ends[1]);
  char text[500];
  size_t size = 0;
  for (ssize_t count; (count = read(ends[0], text + size, sizeof text - size)) > 0;) size += (size_t)count;
  printf("%.*s", (int)size, text);
  waitpid(pid, &status, 0);
  show("exec", status);
  char *const arguments[] = {"x", NULL};
  printf("missing %d %d\n", execv("/nonexistent", arguments), errno == ENOENT);
  printf("directory %d %d\n", execv("/", arguments), errno == EACCES);
  const int script = open("script.tmp", O_CREAT | O_WRONLY | O_TRUNC, 0700);
  dprintf(script, "#! %s  --child script arguments \n", self);
  close(script);
  if (fork() == 0) {
    fflush(stdout);
    execl("./script.tmp", "ignored", "last", NULL);
    _exit(127);
  }
  wait(&status);
  show("script", status);
  unlink("script.tmp");
}

static void pipes(void) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  char byte;
  printf("empty %d %d\n", (int)read(ends[0], &byte, 1), errno == EAGAIN);
  fcntl(ends[0], F_SETFL, 0);
  struct pollfd set[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLOUT, 0}};
  printf("poll %d %x %x\n", poll(set, 2, 0), set[0].revents, set[1].revents);
  printf("poll timeout %d\n", poll(set, 1, 10));
  if (write(ends[1], "abc", 3) != 3) abort();
  printf("poll %d %x\n", poll(set, 1, -1), set[0].revents);
  fd_set read_set;
  FD_ZERO(&read_set);
  FD_SET(ends[0], &read_set);
  struct timeval timeout = {5, 0};
  const int found = select(ends[0] + 1, &read_set, NULL, NULL, &timeout);
  printf("select %d %d\n", found, FD_ISSET(ends[0], &read_set));
  if (fork() == 0) {
    close(ends[0]);
    char block[100000];
    memset(block, 'x', sizeof block);
    printf("big write %d\n", (int)write(ends[1], block, sizeof block));
    fflush(stdout);
    _exit(0);
  }
  close(ends[1]);
  char buffer[3000];
  long total = 0;
  int reads = 0;
  for (ssize_t count; (count = read(ends[0], buffer, sizeof buffer)) > 0; ++reads) total += count;
  wait(NULL);
  printf("total %ld\n", total);
  printf("hang up %d %x\n", poll(set, 1, 0), set[0].revents);
  close(ends[0]);
  printf("closed %d %d\n", (int)write(ends[0], "x", 1), errno == EBADF);
  printf("nval %d %x\n", poll(set, 1, 0), set[0].revents);
}

static void named_pipes(void) {
  unlink("fifo.tmp");
  printf("mkfifo %d\n", mkfifo("fifo.tmp", 0600));
  printf("no reader %d %d\n", open("fifo.tmp", O_WRONLY | O_NONBLOCK), errno == ENXIO);
  if (fork() == 0) {
    const int fd = open("fifo.tmp", O_WRONLY);
    if (write(fd, "one", 3) != 3) abort();
    close(fd);
    _exit(0);
  }
  char text[10];
  const int fd = open("fifo.tmp", O_RDONLY);
  printf("read %d\n", (int)read(fd, text, sizeof text));
  printf("end %d\n", (int)read(fd, text, sizeof text));
  wait(NULL);
  close(fd);
  const int both = open("fifo.tmp", O_RDWR);
  printf("both %d", (int)write(both, "four", 4));
  printf(" %d\n", (int)read(both, text, sizeof text));
  unlink("fifo.tmp");
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static int turn;
static __thread int own;

static void *worker(void *argument) {
  const int number = (int)(long)argument;
  own = number * 10;
  for (int round = 0; round < 3; ++round) {
    pthread_mutex_lock(&mutex);
    while (turn % 4 != number) pthread_cond_wait(&condition, &mutex);
    printf("thread %d round %d own %d\n", number, round, ++own);
    ++turn;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
  return (void *)(long)own;
}

static void threads(void) {
  pthread_t ids[4];
  for (long i = 0; i < 4; ++i) pthread_create(&ids[i], NULL, worker, (void *)i);
  void *results[4];
  for (int i = 0; i < 4; ++i) pthread_join(ids[i], &results[i]);
  for (int i = 0; i < 4; ++i) printf("joined %d %ld\n", i, (long)results[i]);
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 1000000;
  if (until.tv_nsec >= 1000000000) until.tv_nsec -= 1000000000, ++until.tv_sec;
  pthread_mutex_lock(&mutex);
  printf("timed %d\n", pthread_cond_timedwait(&condition, &mutex, &until) == ETIMEDOUT);
  pthread_mutex_unlock(&mutex);
}

static void clocks(void) {
  struct timespec a, b, nap = {0, 5000000};
  clock_gettime(CLOCK_MONOTONIC, &a);
  printf("nap %d\n", nanosleep(&nap, NULL));
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("passed %d\n", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec >= 5000000);
  nap.tv_nsec = 2000000000;
  printf("bad %d %d\n", nanosleep(&nap, NULL), errno == EINVAL);
  struct rlimit limit;
  printf("limit %d %d\n", getrlimit(RLIMIT_STACK, &limit), limit.rlim_cur == 8 << 20);
  limit.rlim_cur = 3;
  setrlimit(RLIMIT_NOFILE, &limit);
  printf("emfile %d %d\n", open("/dev/null", O_RDONLY), errno == EMFILE);
}

int main(int argc, char **argv) {
  // What a test runner leaves open would shift every descriptor number of the native run.
  for (int fd = 3; fd < 1024; ++fd) close(fd);
  setvbuf(stdout, NULL, _IOLBF, 0);
  if (argc > 1 && strcmp(argv[1], "--child") == 0) {
    for (int i = 0; i < argc; ++i) printf("argument %d '%s'\n", i, i == 0 ? "" : argv[i]);
    printf("A %s int ignored %d fd2 %d\n", getenv("A") ? getenv("A") : "-", signal(SIGINT, SIG_DFL) == SIG_IGN, fcntl(2, F_GETFD));
    return 42;
  }
  if (argc > 1 && strcmp(argv[1], "--child script arguments") == 0) {
    for (int i = 1; i < argc; ++i) printf("argument %d '%s'\n", i, argv[i]);
    fflush(stdout);
    return 43;
  }
  forks();
  execs("/proc/self/exe");
  pipes();
  named_pipes();
  threads();
  clocks();
  return 11;
}
