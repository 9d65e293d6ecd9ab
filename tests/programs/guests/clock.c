// Time, as relations: it never goes backwards, sleeping takes as long as asked, clocks agree with each other.
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t tsc(void) {
  uint64_t value;
  asm volatile("rdtsc" : "=A"(value));
  return value;
}

int main(void) {
  int backwards = 0;
  double last = 0;
  uint64_t last_tsc = 0;
  for (int i = 0; i < 20; ++i) {
    const double now = seconds(CLOCK_MONOTONIC);
    const uint64_t count = tsc();
    backwards += now < last || count <= last_tsc;
    last = now;
    last_tsc = count;
  }
  check("never backwards", backwards == 0);
  const double before = seconds(CLOCK_MONOTONIC), wall = seconds(CLOCK_REALTIME);
  const struct timespec nap = {0, 30000000};
  struct timespec rest = {5, 5};
  check("nanosleep", nanosleep(&nap, &rest) == 0);
  const double slept = seconds(CLOCK_MONOTONIC) - before, wall_slept = seconds(CLOCK_REALTIME) - wall;
  check("slept long enough", slept >= 0.03 && slept < 20);
  check("both clocks alike", wall_slept >= 0.0299 && wall_slept < slept + 5);
  struct timeval day;
  gettimeofday(&day, NULL);
  const time_t now = time(NULL);
  // time() may be a timer tick behind: Linux gives it the second of the last one.
  check("time and gettimeofday", now + 1 >= day.tv_sec && now <= day.tv_sec + 5 && day.tv_usec < 1000000);
  check("a date after 1999", now > 946000000);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  struct tms ticks;
  check("times", times(&ticks) != (clock_t)-1 && ticks.tms_utime >= 0);
  check("rusage", usage.ru_utime.tv_sec >= 0 && usage.ru_utime.tv_usec < 1000000);
  check("cpu clock", seconds(CLOCK_PROCESS_CPUTIME_ID) > 0);
  struct timespec resolution;
  check("resolution", clock_getres(CLOCK_MONOTONIC, &resolution) == 0 && resolution.tv_sec == 0 && resolution.tv_nsec > 0);
  struct itimerval timer = {{0, 0}, {50, 0}}, left;
  setitimer(ITIMER_REAL, &timer, NULL);
  getitimer(ITIMER_REAL, &left);
  check("timer runs", left.it_value.tv_sec == 49 || (left.it_value.tv_sec == 50 && left.it_value.tv_usec == 0));
  // Broken-down time depends on nothing but the number.
  const time_t fixed = 1234567890;
  char text[64];
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %j %a", gmtime(&fixed));
  printf("%s %ld\n", text, (long)mktime(gmtime(&fixed)));
  return 0;
}
