// Instructions that change in place while their loop is hot: by the loop itself, or by its caller.
#include "tests/programs/smc/smc.h"

#include <stdlib.h>

// An immediate, in every iteration: what stylised self-modifying code is.
CHANGING_CODE(
    "immediate:\n"
    "  movl 4(%esp), %ecx\n"
    "  movl $1, %edx\n"
    "  xorl %eax, %eax\n"
    "1: .byte 0x05\n"  // addl $..., %eax
    "immediate_value: .long 1\n"
    "  imull $69069, %edx\n"
    "  addl $5, %edx\n"
    "  movl %edx, immediate_value\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(immediate);

// Immediates of every size in one loop, set by the caller between its runs.
CHANGING_CODE(
    "sizes_loop:\n"
    "  movl 4(%esp), %ecx\n"
    "  movl %ecx, %eax\n"
    "1: .byte 0x05\n"  // addl $..., %eax
    "sizes_32: .long 0\n"
    "  .byte 0x66, 0x35\n"  // xorw $..., %ax
    "sizes_16: .word 0\n"
    "  .byte 0x04\n"  // addb $..., %al
    "sizes_8: .byte 0\n"
    "  .byte 0xc1, 0xc0\n"  // roll $..., %eax
    "sizes_shift: .byte 0\n"
    "  .byte 0x6b, 0xd0\n"  // imull $..., %eax, %edx
    "sizes_sign: .byte 0\n"
    "  xorl %edx, %eax\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(sizes_loop);
PLACE(uint32_t, sizes_32);
PLACE(uint16_t, sizes_16);
PLACE(uint8_t, sizes_8);
PLACE(uint8_t, sizes_shift);
PLACE(int8_t, sizes_sign);

static uint32_t sizes(uint32_t count) {
  uint32_t digest = 1, seed = 8;
  for (int round = 0; round < 40; ++round) {
    sizes_32 = next_random(&seed);
    sizes_16 = (uint16_t)next_random(&seed);
    sizes_8 = (uint8_t)next_random(&seed);
    sizes_shift = next_random(&seed) & 31;
    sizes_sign = (int8_t)next_random(&seed);
    digest = fold32(digest, sizes_loop(count / 40));
  }
  return digest;
}

// The displacement of a load walks over an array.
CHANGING_CODE(
    "displacement:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: movl %ecx, %edx\n"
    "  andl $7, %edx\n"
    "  addl displacement_array(,%edx,4), %eax\n"
    "displacement_value = . - 4\n"
    "  roll $1, %eax\n"
    "  testl $15, %ecx\n"
    "  jnz 2f\n"
    "  addl $4, displacement_value\n"
    "  cmpl $displacement_array+256, displacement_value\n"
    "  jb 2f\n"
    "  movl $displacement_array, displacement_value\n"
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n"
    ".balign 4096\n"
    "displacement_array:\n"
    "number = 12345\n"
    ".rept 72\n"
    "  .long number\n"
    "  number = (number * 1103515245 + 12345) & 0xffffffff\n"
    ".endr\n");
CODE(displacement);

// The operation of an instruction: add becomes sub and back; its register changes too.
CHANGING_CODE(
    "opcode:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "  movl $77, %edx\n"
    "1: .byte 0x83\n"
    "opcode_modrm: .byte 0xc0, 7\n"  // addl $7, %eax
    "  xorl %ecx, %edx\n"
    "  addl %edx, %eax\n"
    "  testl $63, %ecx\n"
    "  jnz 2f\n"
    "  xorb $0x28, opcode_modrm\n"  // add and sub
    "  testl $64, %ecx\n"
    "  jnz 2f\n"
    "  xorb $0x02, opcode_modrm\n"  // %eax and %edx
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(opcode);

// The target of a jump.
CHANGING_CODE(
    "jump_target:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: .byte 0xeb\n"
    "jump_distance: .byte 0\n"
    "2: addl %ecx, %eax\n"
    "3: roll $7, %eax\n"
    "4: xorl $0x1234567, %eax\n"
    "  testl $31, %ecx\n"
    "  jnz 5f\n"
    "  movl %ecx, %edx\n"
    "  shrl $5, %edx\n"
    "  andl $3, %edx\n"
    "  movb jump_distances(%edx), %dl\n"
    "  movb %dl, jump_distance\n"
    "5: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n"
    "jump_distances: .byte 0, 3b-2b, 4b-2b, 3b-2b\n");
CODE(jump_target);

// The target of a call.
CHANGING_CODE(
    "call_one: addl %ecx, %eax\n"
    "  ret\n"
    "call_two: xorl %ecx, %eax\n"
    "  roll $9, %eax\n"
    "  ret\n"
    "call_target:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: .byte 0xe8\n"
    "call_distance: .long call_one - 2f\n"
    "2: testl $63, %ecx\n"
    "  jnz 3f\n"
    "  xorl $(call_one - 2b) ^ (call_two - 2b), call_distance\n"
    "3: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(call_target);

// The condition of a branch, and the direction in which its loop counts.
CHANGING_CODE(
    "condition:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: testl $5, %ecx\n"
    "condition_branch: jz 2f\n"
    "  addl %ecx, %eax\n"
    "2: .byte 0x40\n"  // incl %eax
    "condition_step = . - 1\n"
    "  roll $1, %eax\n"
    "  testl $127, %ecx\n"
    "  jnz 3f\n"
    "  xorb $1, condition_branch\n"  // jz and jnz
    "  xorb $8, condition_step\n"    // incl and decl
    "3: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(condition);

// An immediate with half its bytes on either side of a page boundary, written by one store, by two, by the caller.
CHANGING_CODE(
    ".skip 4096 - 2 - 23\n"
    "across_pages:\n"
    "  movl 4(%esp), %ecx\n"
    "  movl $1, %edx\n"
    "  xorl %eax, %eax\n"
    "1: imull $69069, %edx\n"
    "  incl %edx\n"
    "  nop\n"
    "  nop\n"
    "  nop\n"
    "  nop\n"
    "  .byte 0x05\n"  // addl $..., %eax: its immediate lies at -2
    "across_value: .long 0x10000\n"
    "  testl $7, %ecx\n"
    "  jnz 2f\n"
    "  movl %edx, across_value\n"
    "2: testl $12, %ecx\n"
    "  jnz 3f\n"
    "  incw across_value\n"
    "  decw across_value+2\n"
    "3: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(across_pages);
PLACE(uint32_t, across_value);

static uint32_t across(uint32_t count) {
  if (((uint32_t)&across_value & 0xfff) != 0xffe) abort();  // the assembly above has changed
  uint32_t digest = 1;
  for (uint32_t round = 0; round < 4; ++round) {
    across_value = round << 14;
    digest = fold32(digest, across_pages(count / 4));
  }
  return digest;
}

// The very next instruction.
CHANGING_CODE(
    "next:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "  xorl %edx, %edx\n"
    "1: movb %cl, next_value\n"
    "  .byte 0x80, 0xc2\n"  // addb $..., %dl
    "next_value: .byte 0\n"
    "  addl %edx, %eax\n"
    "  roll $1, %eax\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(next);

// An instruction that changes itself: its immediate doubles with each execution.
CHANGING_CODE(
    "itself:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: .byte 0x81, 0x05\n"  // addl $..., itself_value
    "  .long itself_value\n"
    "itself_value: .long 3\n"
    "  addl itself_value, %eax\n"
    "  testl $31, %ecx\n"
    "  jnz 2f\n"
    "  movl %ecx, itself_value\n"
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(itself);

// The same bytes executed from two starts, both hot, and changed: `movl $0x...05, %eax; nop` or `addl $0x90..., %eax`.
CHANGING_CODE(
    "overlapping:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %edx, %edx\n"
    "1: movl %ecx, %eax\n"
    "  testl $2, %ecx\n"
    "  jz inner\n"
    "outer: .byte 0xb8\n"
    "inner: .byte 0x05, 0x01, 0x00, 0x00, 0x90\n"
    "  addl %eax, %edx\n"
    "  roll $1, %edx\n"
    "  testl $63, %ecx\n"
    "  jnz 2f\n"
    "  incb inner+1\n"
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  movl %edx, %eax\n"
    "  ret\n");
CODE(overlapping);

// rep stosb over instructions ahead in the same straight line.
CHANGING_CODE(
    "filled:\n"
    "  pushl %edi\n"
    "  pushl %ebx\n"
    "  movl 12(%esp), %ebx\n"
    "  shrl $2, %ebx\n"
    "  xorl %edx, %edx\n"
    "1: movl %ebx, %eax\n"
    "  andl $3, %eax\n"
    "  movzbl filled_codes(%eax), %eax\n"
    "  movl $filled_line, %edi\n"
    "  movl $8, %ecx\n"
    "  rep stosb\n"
    "filled_line: .skip 8, 0x90\n"
    "  roll $3, %edx\n"
    "  decl %ebx\n"
    "  jnz 1b\n"
    "  movl %edx, %eax\n"
    "  popl %ebx\n"
    "  popl %edi\n"
    "  ret\n"
    "filled_codes: .byte 0x42, 0x90, 0x4a, 0xf8\n");  // incl %edx, nop, decl %edx, clc
CODE(filled);

// By x87 stores, which translations call out for. They lie in a granule of their own, which never changes, so that one translation holds them,
// the instruction before them and the one behind, which it must not execute as it was before them.
CHANGING_CODE(
    "called_out:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "  pushl $0x07c0\n"
    "  jmp 1f\n"
    ".balign 128\n"
    ".skip 125\n"
    "1: .byte 0x83\n"
    "called_before: .byte 0xc0, 7\n"  // addl $7, %eax
    "  filds (%esp)\n"
    "  fists called_before\n"
    "  fistps called_behind\n"
    ".rept 22\n"  // up to the granule's end, without a jump
    "  movl $0x1234567, %edx\n"
    ".endr\n"
    "  nop; nop; nop\n"
    ".if . - called_before - 1 - 128 - 1\n"
    ".error \"not a granule\"\n"
    ".endif\n"
    "  .byte 0x83\n"
    "called_behind: .byte 0xc0, 7\n"
    "  roll $1, %eax\n"
    "  testl $15, %ecx\n"
    "  jnz 2f\n"
    "  xorw $0x0230, (%esp)\n"  // xorl $5, %eax, and back
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  popl %edx\n"
    "  ret\n");
CODE(called_out);

const struct program programs[] = {
    {"immediate", immediate},     {"sizes", sizes},         {"displacement", displacement}, {"opcode", opcode},
    {"jump_target", jump_target}, {"call_target", call_target}, {"condition", condition},   {"across_pages", across},
    {"next", next},               {"itself", itself},       {"overlapping", overlapping},   {"filled", filled},
    {"called_out", called_out},   {NULL, NULL},
};
