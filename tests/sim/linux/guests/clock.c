// Everything that might differ from run to run, printed.
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

int main(void) {
  struct timeval now;
  gettimeofday(&now, NULL);
  struct timespec mono;
  clock_gettime(CLOCK_MONOTONIC, &mono);
  unsigned random[4];
  getrandom(random, sizeof random, 0);
  const unsigned *start = (const unsigned *)getauxval(AT_RANDOM);
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  struct sysinfo info;
  sysinfo(&info);
  printf("%ld.%06ld %ld.%09ld\n", (long)now.tv_sec, (long)now.tv_usec, (long)mono.tv_sec, (long)mono.tv_nsec);
  printf("%08x %08x %08x %08x\n", random[0], random[1], random[2], random[3]);
  printf("%08x %08x\n", start[0], start[3]);
  printf("%d %d %d %p %p %p\n", getpid(), getppid(), (int)getpgrp(), (void *)&now, malloc(10), sbrk(0));
  printf("%ld %lu %ld\n", (long)usage.ru_utime.tv_usec, info.freeram, (long)times(NULL));
  sleep(100);
  gettimeofday(&now, NULL);
  printf("%ld.%06ld\n", (long)now.tv_sec, (long)now.tv_usec);
  char self[200] = {0};
  const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
  printf("%.*s\n", (int)length, self);
  FILE *again = NULL;
  printf("%d\n", length > 0 && (again = fopen(self, "r")) != NULL && fgetc(again) == 0x7f);
  FILE *random_file = fopen("/dev/urandom", "r");
  printf("%02x %02x\n", fgetc(random_file), fgetc(random_file));
  return 0;
}
