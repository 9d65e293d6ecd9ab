// Self-modifying code: every distance between the store and the code that it changes.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "probe.h"

static uint8_t *const code = (uint8_t *)kCode;

// The next instruction is changed by the one before it.
static void next_instruction(void) {
  struct registers in = {.ebx = kCode};
  // movb $0x48, 5(%ebx): the `inc %eax` that follows becomes `dec %eax`.
  struct outcome result = PROBE("\xc6\x43\x05\x48\x90\x40", &in);
  probe_show("next but one", &result, 0);
  result = PROBE("\xc6\x43\x04\x48\x40", &in);
  probe_show("the very next", &result, 0);
  // movl $5, %eax behind a store into its immediate
  result = PROBE("\xc7\x43\x08\x78\x56\x34\x12\xb8\x05\x00\x00\x00", &in);
  probe_show("immediate of the next", &result, 0);
  // A store that changes itself has happened as it was.
  result = PROBE("\xc6\x43\x03\x99\x90", &in);
  probe_show("itself", &result, 0);
  printf("byte there: %02x\n", code[3]);
  // rep stosb over the instructions behind it, all at once: they become nops.
  in = (struct registers){.eax = 0x90, .ecx = 6, .edi = kCode + 2};
  result = PROBE("\xf3\xaa\x41\x41\x41\x41\x41\x41", &in);
  probe_show("rep stosb ahead", &result, 0);
  // Code written by PUSH, then run.
  in = (struct registers){.esp = kCode + 0x204};
  code[0x204] = 0xcc;
  result = PROBE("\x68\x41\x41\x41\x41\xe9\xf6\x01\x00\x00", &in);
  probe_show("pushed code", &result, 0);
}

// A loop whose immediate is patched in every round.
static void patched_loop(void) {
  static const uint8_t body[] = {
      0xb9, 0x14, 0x00, 0x00, 0x00,              //  0 mov $20, %ecx
      0x31, 0xc0,                                //  5 xor %eax, %eax
      0x05, 0x01, 0x00, 0x00, 0x00,              //  7 add $1, %eax       <- patched at 8
      0x83, 0x05, 0x08, 0x00, 0x00, 0x20, 0x03,  // 12 addl $3, kCode + 8
      0x49,                                      // 19 dec %ecx
      0x75, 0xf1,                                // 20 jnz 7
  };
  const struct registers in = {0};
  for (int round = 0; round < 3; ++round) {
    const struct outcome result = probe(0, body, sizeof body, &in);
    printf("patched loop: sum %u, last immediate %u\n", result.at.eax, code[8] | code[9] << 8);
  }
  // The opcode itself alternates between add and sub.
  static const uint8_t flip[] = {
      0xb9, 0x0b, 0x00, 0x00, 0x00,        //  0 mov $11, %ecx
      0x31, 0xc0,                          //  5 xor %eax, %eax
      0x83, 0xc0, 0x07,                    //  7 add $7, %eax: modrm becomes sub and back
      0x80, 0x35, 0x08, 0x00, 0x00, 0x20, 0x28,  // 10 xorb $0x28, kCode + 8
      0x49,                                // 17 dec %ecx
      0x75, 0xf3,                          // 18 jnz 7
  };
  const struct outcome result = probe(0, flip, sizeof flip, &in);
  printf("flipping opcode: %u\n", result.at.eax);
}

// Data and code on one page: the stores are harmless and must stay so.
static void data_beside_code(void) {
  static const uint8_t body[] = {
      0xb9, 0x64, 0x00, 0x00, 0x00,        // mov $100, %ecx
      0x01, 0x0d, 0x00, 0x04, 0x00, 0x20,  // add %ecx, kCode + 0x400
      0xff, 0x05, 0x40, 0x00, 0x00, 0x20,  // incl kCode + 0x40: next to the code
      0x49, 0x75, 0xf1,                    // dec %ecx; jnz
  };
  *(uint32_t *)(kCode + 0x400) = 0;
  *(uint32_t *)(kCode + 0x40) = 0;
  const struct registers in = {0};
  probe(0, body, sizeof body, &in);
  printf("data beside code: %u %u\n", *(uint32_t *)(kCode + 0x400), *(uint32_t *)(kCode + 0x40));
}

// A small compiler: functions made, called, replaced at the same place, made elsewhere.
static int generated(void) {
  static const uint8_t operations[4][3] = {{0x83, 0xc0, 0}, {0x83, 0xe8, 0}, {0x83, 0xf0, 0}, {0x6b, 0xc0, 0}};
  uint8_t *area = mmap((void *)0x24000000, 0x4000, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  uint32_t state = 99, wrong = 0;
  for (int round = 0; round < 60; ++round) {
    uint8_t *const start = area + next_random(&state) % 0x3f00, *at = start;
    uint32_t expected = (uint32_t)round;
    *at++ = 0x8b, *at++ = 0x44, *at++ = 0x24, *at++ = 0x04;  // mov 4(%esp), %eax
    for (int i = 0; i < 6; ++i) {
      const unsigned which = next_random(&state) % 4;
      const uint8_t value = next_random(&state) & 0x7f;
      memcpy(at, operations[which], 2);
      at[2] = value;
      at += 3;
      expected = which == 0 ? expected + value : which == 1 ? expected - value : which == 2 ? expected ^ value : expected * value;
    }
    *at++ = 0xc3;
    uint32_t (*const function)(uint32_t) = (uint32_t(*)(uint32_t))start;
    for (int call = 0; call < 3; ++call) wrong += function((uint32_t)round) != expected;
  }
  // The same buffer, written where it is not executable, then executable where it is not writable.
  for (int round = 0; round < 4; ++round) {
    mprotect(area, 0x1000, PROT_READ | PROT_WRITE);
    area[0] = 0xb8;
    *(uint32_t *)(area + 1) = 0x1000u + (uint32_t)round;
    area[5] = 0xc3;
    mprotect(area, 0x1000, PROT_READ | PROT_EXEC);
    wrong += ((uint32_t(*)(void))area)() != 0x1000u + (uint32_t)round;
  }
  // Mapped anew at the same address: nothing of the old code may survive.
  for (int round = 0; round < 3; ++round) {
    munmap(area, 0x1000);
    mmap(area, 0x1000, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    area[0] = 0xb8;
    *(uint32_t *)(area + 1) = 0x2000u + (uint32_t)round;
    area[5] = 0xc3;
    wrong += ((uint32_t(*)(void))area)() != 0x2000u + (uint32_t)round;
  }
  return wrong == 0;
}

// One physical page seen twice: written through one mapping, executed through the other.
static int aliased(void) {
  const int fd = open("aliased", O_RDWR | O_CREAT | O_TRUNC, 0600);
  unlink("aliased");
  if (fd < 0 || ftruncate(fd, 0x1000) != 0) return 0;
  uint8_t *write = mmap((void *)0x26000000, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
  uint8_t *run = mmap((void *)0x27000000, 0x1000, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, fd, 0);
  int wrong = 0;
  for (int round = 0; round < 5; ++round) {
    write[0] = 0xb8;
    *(uint32_t *)(write + 1) = 0x3000u + (uint32_t)round;
    write[5] = 0xc3;
    wrong += ((uint32_t(*)(void))run)() != 0x3000u + (uint32_t)round;
  }
  return wrong == 0;
}

// Code written by the kernel: read() into an executable buffer.
static int by_read(void) {
  uint8_t *const at = code + 0x800;
  int wrong = 0;
  for (uint8_t round = 0; round < 4; ++round) {
    const uint8_t text[] = {0xb8, round, 0x40, 0, 0, 0xc3};
    int ends[2];
    if (pipe(ends) != 0 || write(ends[1], text, sizeof text) != sizeof text || read(ends[0], at, sizeof text) != sizeof text) return 0;
    close(ends[0]);
    close(ends[1]);
    wrong += ((uint32_t(*)(void))at)() != 0x4000u + round;
  }
  return wrong == 0;
}

int main(void) {
  probe_start();
  next_instruction();
  patched_loop();
  data_beside_code();
  check("generated code", generated());
  check("one page, two addresses", aliased());
  check("code from read()", by_read());
  return 0;
}
