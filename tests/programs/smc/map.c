// Code that changes by what the kernel does to its pages: protection, sharing, mapping, copying on write.
#include "tests/programs/smc/smc.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

typedef uint32_t function(uint32_t count, uint32_t value);

enum { kPage = 0x1000, kHere = 0x25000000, kThere = 0x26000000 };

/// A loop with one immediate; at its end a filler up to the next page, so that it can be written to a file.
static void make(uint8_t *page, uint32_t value) {
  static const uint8_t code[] = {
      0x8b, 0x4c, 0x24, 0x04,        //  0 movl 4(%esp), %ecx
      0x8b, 0x44, 0x24, 0x08,        //  4 movl 8(%esp), %eax
      0x05, 0x00, 0x00, 0x00, 0x00,  //  8 addl $..., %eax
      0xc1, 0xc0, 0x05,              // 13 roll $5, %eax
      0x31, 0xc8,                    // 16 xorl %ecx, %eax
      0x49,                          // 18 decl %ecx
      0x75, 0xf3,                    // 19 jnz 8
      0xc3,                          // 21 ret
  };
  for (unsigned i = 0; i < sizeof code; ++i) page[i] = code[i];
  *(uint32_t *)(page + 9) = value;
}

static uint32_t call(const void *code, uint32_t count, uint32_t value) { return ((function *)code)(count, value); }

static uint8_t *map(uint32_t address, int protection, int flags, int fd, off_t offset) {
  return mmap((void *)address, kPage, protection, flags | MAP_FIXED, fd, offset);
}

/// A file without a name whose pages 0 and 1 hold loops.
static int make_file(void) {
  uint8_t page[2 * kPage] = {0};
  make(page, 0x11111111);
  make(page + kPage, 0x22222222);
  const int fd = open("code", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink("code");
  return write(fd, page, sizeof page) == sizeof page ? fd : -1;
}

// Never writable and executable at once: mprotect() before each change and after it.
static uint32_t protected(uint32_t count) {
  uint8_t *const page = map(kHere, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 50; ++round) {
    mprotect(page, kPage, PROT_READ | PROT_WRITE);
    make(page, round * 0x9e3779b9);
    mprotect(page, kPage, PROT_READ | PROT_EXEC);
    digest = fold32(digest, call(page, count / 50, digest));
  }
  return digest;
}

// One page at two addresses: written at one, executed at the other, then at both.
static uint32_t two_mappings(uint32_t count) {
  const int fd = make_file();
  uint8_t *const write_here = map(kHere, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_SHARED, fd, 0);
  uint8_t *const run_here = map(kThere, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 40; ++round) {
    digest = fold32(digest, call(run_here, count / 80, digest));
    digest = fold32(digest, call(write_here, count / 80, digest));
    *(volatile uint32_t *)(write_here + 9) = round * 0x9e3779b9;
  }
  return digest;
}

// Other pages of a file take turns at one address, as when libraries are unloaded and loaded.
static uint32_t remapped(uint32_t count) {
  const int fd = make_file();
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 60; ++round) {
    if (round % 4 == 3) munmap((void *)kHere, kPage);
    const off_t offset = (round ^ round >> 2) & 1 ? kPage : 0;
    uint8_t *const page = map(kHere, PROT_READ | PROT_EXEC, round & 8 ? MAP_SHARED : MAP_PRIVATE, fd, offset);
    digest = fold32(digest, call(page, count / 60, digest));
  }
  return digest;
}

// A private page of a file runs, is written (the kernel copies it), runs on; the file's own page stays.
static uint32_t copy_on_write(uint32_t count) {
  const int fd = make_file();
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 20; ++round) {
    uint8_t *const private = map(kHere, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE, fd, 0);
    uint8_t *const shared = map(kThere, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    digest = fold32(digest, call(private, count / 80, digest));
    *(volatile uint32_t *)(private + 9) = round * 0x9e3779b9;
    digest = fold32(digest, call(private, count / 80, digest));
    digest = fold32(digest, call(shared, count / 80, digest));
    ++*(volatile uint8_t *)(private + 9);
    digest = fold32(digest, call(private, count / 80, digest));
  }
  return digest;
}

// write() and pwrite() to a file whose page is mapped and hot.
static uint32_t by_file(uint32_t count) {
  const int fd = make_file();
  uint8_t *const page = map(kHere, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 40; ++round) {
    const uint32_t value = round * 0x9e3779b9;
    if (pwrite(fd, &value, sizeof value, 9) != sizeof value) return 0;
    digest = fold32(digest, call(page, count / 40, digest));
  }
  return digest;
}

// After fork() parent and child change the same code, each for itself.
static uint32_t forked(uint32_t count) {
  uint8_t *const page = map(kHere, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  uint32_t digest = 1;
  make(page, 0x33333333);
  for (uint32_t round = 0; round < 8; ++round) {
    digest = fold32(digest, call(page, count / 24, digest));
    int ends[2], status;
    if (pipe(ends) != 0) return 0;
    const pid_t child = fork();
    if (child == 0) {
      *(volatile uint32_t *)(page + 9) = round + 1000;
      uint32_t mine = call(page, count / 24, digest);
      _exit(write(ends[1], &mine, sizeof mine) != sizeof mine);
    }
    uint32_t theirs = 0;
    if (round & 1) *(volatile uint32_t *)(page + 9) = round + 2000;
    digest = fold32(digest, call(page, count / 24, digest));
    if (read(ends[0], &theirs, sizeof theirs) != sizeof theirs || waitpid(child, &status, 0) != child) return 0;
    digest = fold32(digest, theirs ^ (uint32_t)status);
    close(ends[0]);
    close(ends[1]);
  }
  return digest;
}

const struct program programs[] = {
    {"protected", protected},         {"two_mappings", two_mappings}, {"remapped", remapped},
    {"copy_on_write", copy_on_write}, {"by_file", by_file},           {"forked", forked},     {NULL, NULL},
};
