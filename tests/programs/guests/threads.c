// Threads and thread-local storage, with results that do not depend on who runs first.
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "guest.h"

static __thread int mine = 7;
static __thread char buffer[100] = "initial";
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int total, turn, order[8];
static unsigned atomic_total;
static pthread_key_t key;
static pthread_barrier_t barrier;

static void destroy(void *value) { __atomic_add_fetch(&atomic_total, (unsigned)(uintptr_t)value, __ATOMIC_SEQ_CST); }

static void *work(void *argument) {
  const int number = (int)(intptr_t)argument;
  pthread_setspecific(key, (void *)(uintptr_t)(number + 1));
  mine += number;
  snprintf(buffer, sizeof buffer, "thread %d", number);
  for (int i = 0; i < 20; ++i) {
    pthread_mutex_lock(&lock);
    total += mine;
    pthread_mutex_unlock(&lock);
    __atomic_add_fetch(&atomic_total, 1, __ATOMIC_SEQ_CST);
    if (i % 8 == number) sched_yield();
  }
  pthread_barrier_wait(&barrier);
  pthread_mutex_lock(&lock);
  while (turn != number) pthread_cond_wait(&turned, &lock);
  order[turn++] = number;
  pthread_cond_broadcast(&turned);
  pthread_mutex_unlock(&lock);
  return (void *)(intptr_t)(mine * 100 + (int)strlen(buffer));
}

int main(void) {
  enum { kThreads = 4 };
  pthread_t threads[kThreads];
  pthread_key_create(&key, destroy);
  pthread_barrier_init(&barrier, NULL, kThreads);
  mine = 1000;
  for (int i = 0; i < kThreads; ++i)
    if (pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i) != 0) return 1;
  for (int i = 0; i < kThreads; ++i) {
    void *result;
    pthread_join(threads[i], &result);
    printf("thread %d: %d\n", i, (int)(intptr_t)result);
  }
  printf("total %d atomic %u mine %d %s order %d%d%d%d\n", total, atomic_total, mine, buffer, order[0], order[1], order[2], order[3]);
  uint32_t self;
  asm("movl %%gs:0, %0" : "=r"(self));
  uint32_t self_again;
  asm("movl %%gs:(%1), %0" : "=r"(self_again) : "r"(8));
  check("%gs:0 points to itself", self == *(uint32_t *)self && self_again == self);
  return 0;
}
