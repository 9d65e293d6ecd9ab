// Data on pages that hold hot code: stores that change no instruction, at every distance from the code.
#include "tests/programs/smc/smc.h"

// A counter on the page, far from the loop.
CHANGING_CODE(
    "same_page:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: addl %ecx, same_page_sum\n"
    "  xorl same_page_sum, %eax\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n"
    ".balign 2048\n"
    "same_page_sum: .long 1\n");
CODE(same_page);

// Counters right before and right behind the loop: in its granule, in its cache line, touching its bytes.
CHANGING_CODE(
    ".skip 60\n"
    "before: .long 0\n"
    "adjacent_loop:\n"
    "  incl before\n"
    "  addl before, %eax\n"
    "  addl %eax, behind\n"
    "  decl %ecx\n"
    "  jnz adjacent_loop\n"
    "  ret\n"
    "behind: .long 0\n"
    "adjacent:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "  call adjacent_loop\n"
    "  xorl behind, %eax\n"
    "  ret\n");
CODE(adjacent);

// Counters stored between functions, as old compilers put static data.
CHANGING_CODE(
    "first: addl $3, first_calls\n"
    "  addl first_calls, %eax\n"
    "  ret\n"
    "first_calls: .long 0\n"
    "second: incl second_calls\n"
    "  xorl second_calls, %eax\n"
    "  ret\n"
    "second_calls: .long 0\n"
    "between:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: call first\n"
    "  testl $3, %ecx\n"
    "  jnz 2f\n"
    "  call second\n"
    "2: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(between);

// A jump table among the code that jumps through it; its entries change places now and then.
CHANGING_CODE(
    "table: .long 2f, 3f, 4f, 5f\n"
    "jump_table:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: movl %ecx, %edx\n"
    "  andl $3, %edx\n"
    "  jmp *table(,%edx,4)\n"
    "2: addl %ecx, %eax\n"
    "  jmp 6f\n"
    "3: rorl $5, %eax\n"
    "  jmp 6f\n"
    "4: xorl $0x5a5a5a5a, %eax\n"
    "  jmp 6f\n"
    "5: subl %ecx, %eax\n"
    "6: testl $127, %ecx\n"
    "  jnz 7f\n"
    "  movl table, %edx\n"
    "  xchgl %edx, table+4\n"
    "  xchgl %edx, table+8\n"
    "  movl %edx, table\n"
    "7: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(jump_table);

// Constants between instructions, which the loop reads often and changes seldom.
CHANGING_CODE(
    "literals:\n"
    "  movl 4(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "1: addl literal, %eax\n"
    "  jmp 2f\n"
    "literal: .long 0x01234567\n"
    "2: roll $3, %eax\n"
    "  testl $255, %ecx\n"
    "  jnz 3f\n"
    "  addl $0x9e3779b9, literal\n"
    "3: decl %ecx\n"
    "  jnz 1b\n"
    "  ret\n");
CODE(literals);

// The stack on the code's page: every call and push writes there.
CHANGING_CODE(
    "stack_here:\n"
    "  movl 4(%esp), %ecx\n"
    "  movl %esp, %edx\n"
    "  movl $stack_top, %esp\n"
    "  xorl %eax, %eax\n"
    "1: pushl %ecx\n"
    "  pushl %eax\n"
    "  call 2f\n"
    "  addl $4, %esp\n"
    "  popl %eax\n"
    "  addl -8(%esp), %eax\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  movl %edx, %esp\n"
    "  ret\n"
    "2: xorl %ecx, 4(%esp)\n"
    "  ret\n"
    ".skip 32\n"
    "stack_top: .long 0\n");
CODE(stack_here);

// rep stosl and rep movsl between buffers around the loop, longer than a page's rest.
CHANGING_CODE(
    ".skip 3072\n"
    "strings:\n"
    "  pushl %esi\n"
    "  pushl %edi\n"
    "  movl 12(%esp), %edx\n"
    "  shrl $6, %edx\n"
    "  xorl %eax, %eax\n"
    "1: addl %edx, %eax\n"
    "  movl $strings_end, %edi\n"
    "  movl $300, %ecx\n"
    "  rep stosl\n"
    "  movl $strings_end+8, %esi\n"
    "  movl $strings_end, %edi\n"
    "  movl $298, %ecx\n"
    "  incl (%esi)\n"
    "  rep movsl\n"
    "  addl strings_end, %eax\n"
    "  decl %edx\n"
    "  jnz 1b\n"
    "  xorl strings_end+1188, %eax\n"
    "  popl %edi\n"
    "  popl %esi\n"
    "  ret\n"
    "strings_end: .skip 1200\n");
CODE(strings);

// A loop as long as a region, with exits from its beginning on: where each instruction is checked, the branches to their code
// are farther than a branch reaches.
CHANGING_CODE(
    ".skip 2048\n"
    "lengthy:\n"
    "  pushl %ebx\n"
    "  movl 8(%esp), %ecx\n"
    "  xorl %eax, %eax\n"
    "  xorl %ebx, %ebx\n"
    "1:\n"
    ".rept 64\n"
    "  addl $0x1234567, lengthy_sums(,%ebx,4)\n"
    "  jc 3f\n"
    "2: xorl lengthy_sums+4, %eax\n"
    "  .subsection 1\n"
    "3: incl %eax\n"
    "  jmp 2b\n"
    "  .previous\n"
    ".endr\n"
    "  decl %ecx\n"
    "  jnz 1b\n"
    "  addl lengthy_sums, %eax\n"
    "  popl %ebx\n"
    "  ret\n"
    "lengthy_sums: .long 0, 7\n");
CODE(lengthy);

const struct program programs[] = {
    {"same_page", same_page},   {"adjacent", adjacent}, {"between", between},     {"jump_table", jump_table},
    {"literals", literals},     {"stack_here", stack_here}, {"strings", strings}, {"lengthy", lengthy},
    {NULL, NULL},
};
