// The smallest program: what the mutation test damages, and what the tests of single calls start from.
static const char greeting[] = "hi\n";
int data[2000] = {1, 2, 3};
int bss[3000];

void _start(void) {
  int result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(4), "b"(1), "c"(greeting), "d"(sizeof greeting - 1) : "memory");
  bss[1] = data[1] + result;
  __asm__ volatile("int $0x80" : : "a"(1), "b"(0));
}
