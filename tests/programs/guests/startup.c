// What a program finds when it starts: arguments, environment, auxiliary vector, registers' initial state, layout.
#include <elf.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "guest.h"

extern char **environ;
extern char __executable_start, end;
static int zeroed[1000];

int main(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) printf("argv[%d]=[%s]\n", i, argv[i]);
  check("argv ends", argv[argc] == NULL);
  const char *slash = strrchr(argv[0], '/');
  printf("base name %s\n", slash != NULL ? slash + 1 : argv[0]);
  const char *names[] = {"PATH", "HOME", "LC_ALL", "NOT_SET"};
  for (int i = 0; i < 4; ++i) printf("%s=%s\n", names[i], getenv(names[i]) != NULL ? getenv(names[i]) : "(none)");
  int count = 0;
  while (environ[count] != NULL) ++count;
  setenv("ADDED", "value", 1);
  printf("environment of %d, then %s\n", count, getenv("ADDED"));

  check("page size", getauxval(AT_PAGESZ) == 4096 && sysconf(_SC_PAGESIZE) == 4096);
  check("clock ticks", getauxval(AT_CLKTCK) == 100);
  check("user", getauxval(AT_UID) == getuid() && getauxval(AT_EGID) == getegid() && getauxval(AT_SECURE) == 0);
  check("entry", getauxval(AT_ENTRY) > (uintptr_t)&__executable_start && getauxval(AT_ENTRY) < (uintptr_t)&end);
  const Elf32_Phdr *headers = (const Elf32_Phdr *)getauxval(AT_PHDR);
  int loads = 0;
  for (unsigned i = 0; i < getauxval(AT_PHNUM); ++i) loads += headers[i].p_type == PT_LOAD;
  check("program headers", getauxval(AT_PHENT) == 32 && loads > 1 && headers == (void *)(&__executable_start + 52));
  check("random bytes", getauxval(AT_RANDOM) > (uintptr_t)&count);
  const char *program = (const char *)getauxval(AT_EXECFN);
  const size_t length = strlen(program), base = strlen(slash != NULL ? slash + 1 : argv[0]);
  check("file name", length >= base && strcmp(program + length - base, slash != NULL ? slash + 1 : argv[0]) == 0);
  printf("platform %s\n", (const char *)getauxval(AT_PLATFORM));

  uintptr_t sum = 0;
  for (int i = 0; i < 1000; ++i) sum += (uintptr_t)zeroed[i];
  check("bss is zero", sum == 0);
  check("stack is above the heap", (uintptr_t)&count > (uintptr_t)sbrk(0) && (uintptr_t)&count > (uintptr_t)main);
  check("stack is aligned", ((uintptr_t)__builtin_frame_address(0) & 3) == 0);
  uint32_t flags;
  unsigned short control, code, data;
  asm volatile("pushfl\n popl %0" : "=r"(flags));
  asm volatile("fnstcw %0\n movw %%cs, %1\n movw %%ds, %2" : "=m"(control), "=r"(code), "=r"(data));
  printf("flags %x control %x cs %x ds %x\n", flags & 0x200400, control, code, data);

  char *start = sbrk(0);
  check("brk grows", brk(start + 0x5000) == 0 && sbrk(0) == start + 0x5000);
  memset(start, 0xa5, 0x5000);
  check("brk shrinks", brk(start + 0x10) == 0 && brk(start + 0x5000) == 0 && start[0x4fff] == 0 && (uint8_t)start[5] == 0xa5);
  check("brk refuses", brk((void *)0xfff00000) != 0);
  struct utsname name;
  uname(&name);
  printf("%s\n", name.sysname);
  return 0;
}
