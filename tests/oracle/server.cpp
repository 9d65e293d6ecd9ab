// The oracle's server: a 32-bit program that runs guest code on this processor.
//
// Freestanding: it uses no C library and no thread-local storage, since guest code loads the segment
// registers, and it unmaps everything but itself, since guest code accesses any address. After start-up it enters
// seccomp's strict mode, so that guest code cannot reach the kernel either.
//
// argv[1]: descriptor of the Shared memory. Requests come on standard input: first case and count, 32 bits
// each; the reply on standard output is the count.
#include "tests/oracle/protocol.h"

using namespace chrysalis::oracle;

extern "C" int oracle_syscall(int number, uint32_t a = 0, uint32_t b = 0, uint32_t c = 0, uint32_t d = 0, uint32_t e = 0,
                              uint32_t f = 0);

namespace {

enum : int { kSysExit = 1, kSysRead = 3, kSysWrite = 4, kSysMunmap = 91, kSysPrctl = 172, kSysRtSigaction = 174,
             kSysSigaltstack = 186, kSysMmap2 = 192, kSysSetThreadArea = 243 };

[[noreturn]] void leave(int status) {
  oracle_syscall(kSysExit, static_cast<uint32_t>(status));
  __builtin_unreachable();
}

uint32_t address_of(const void* p) { return reinterpret_cast<uint32_t>(p); }

void copy(void* to, const void* from, uint32_t bytes) {
  uint32_t words = bytes / 4, rest = bytes % 4;
  asm volatile("rep movsl\n\tmovl %[rest], %%ecx\n\trep movsb"
               : "+D"(to), "+S"(from), "+c"(words)
               : [rest] "r"(rest)
               : "memory");
}

void fill(void* to, uint8_t value, uint32_t bytes) {
  asm volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(value) : "memory");
}

// The kernel's i386 signal context; it lies on the handler's stack as its second argument.
struct SignalContext {
  uint32_t gs, fs, es, ds;   // 16 bits each, padded
  uint32_t edi, esi, ebp, esp, ebx, edx, ecx, eax;
  uint32_t trap, error, eip, cs, eflags, esp_at_signal, ss, fpstate, old_mask, cr2;
};

struct SignalAction {
  uint32_t handler, flags, restorer, mask[2];
};
enum : uint32_t { kOnStack = 0x08000000, kNoDefer = 0x40000000, kHasRestorer = 0x04000000 };

struct UserDescriptor {
  uint32_t entry, base, limit, flags;
};

Shared* const shared = reinterpret_cast<Shared*>(kServer + 0x0100'0000);
alignas(64) uint8_t signal_stack[65536];

uint32_t map(uint32_t address, uint32_t bytes, uint32_t protection, uint32_t flags, int descriptor, uint32_t page_offset) {
  const int result = oracle_syscall(kSysMmap2, address, bytes, protection, flags, static_cast<uint32_t>(descriptor), page_offset);
  if (static_cast<uint32_t>(result) != address) leave(10);
  return address;
}

}  // namespace

// Read by the entry sequence below.
extern "C" {
uint32_t oracle_esp;             // the server's, while guest code runs
State oracle_in;
void oracle_run();               // loads oracle_in and jumps to it; comes back through oracle_return
[[noreturn]] void oracle_return();
void oracle_signal(int signal, SignalContext context);
void oracle_main(int descriptor);
}

asm(R"(
  .bss
  .balign 64
  .skip 32768
oracle_stack_top:
  .text
  .globl _start
_start:
  movl 8(%esp), %eax            # argv[1]: the descriptor, in decimal
  xorl %ecx, %ecx
1: movzbl (%eax), %edx
  testl %edx, %edx
  jz 2f
  leal (%ecx,%ecx,4), %ecx
  leal -48(%edx,%ecx,2), %ecx
  incl %eax
  jmp 1b
2: movl $oracle_stack_top, %esp
  pushl %ecx
  call oracle_main

  .globl oracle_syscall
oracle_syscall:
  pushl %ebx
  pushl %esi
  pushl %edi
  pushl %ebp
  movl 20(%esp), %eax
  movl 24(%esp), %ebx
  movl 28(%esp), %ecx
  movl 32(%esp), %edx
  movl 36(%esp), %esi
  movl 40(%esp), %edi
  movl 44(%esp), %ebp
  int $0x80
  popl %ebp
  popl %edi
  popl %esi
  popl %ebx
  ret

  .globl oracle_run
oracle_run:
  pushal
  movl %esp, oracle_esp
  pushl oracle_in+36
  popfl
  movl oracle_in, %eax
  movl oracle_in+4, %ecx
  movl oracle_in+8, %edx
  movl oracle_in+12, %ebx
  movl oracle_in+20, %ebp
  movl oracle_in+24, %esi
  movl oracle_in+28, %edi
  movw %cs:oracle_in+48, %fs
  movw %cs:oracle_in+50, %gs
  movw %cs:oracle_in+40, %es
  movw %cs:oracle_in+46, %ds
  movw %cs:oracle_in+44, %ss
  movl %cs:oracle_in+16, %esp
  jmp *%cs:oracle_in+32

  .globl oracle_return
oracle_return:
  movl oracle_esp, %esp
  pushl $0x202
  popfl
  popal
  ret
)");

extern "C" {
void oracle_signal(int signal, SignalContext context) {
  Outcome& out = shared->batch[shared->current].out;
  const SignalContext& c = context;
  out.state = State{{c.eax, c.ecx, c.edx, c.ebx, c.esp_at_signal, c.ebp, c.esi, c.edi}, c.eip, c.eflags,
                    {static_cast<uint16_t>(c.es), static_cast<uint16_t>(c.cs), static_cast<uint16_t>(c.ss),
                     static_cast<uint16_t>(c.ds), static_cast<uint16_t>(c.fs), static_cast<uint16_t>(c.gs)}};
  out.signal = signal;
  out.trap = c.trap;
  out.error = c.error;
  out.address = c.cr2;
  if (c.fpstate != 0) copy(&out.x87, reinterpret_cast<const void*>(c.fpstate), sizeof out.x87);
  oracle_return();
}
}

namespace {

void run_case(Case& c) {
  for (unsigned i = 0; i < kPages; ++i) {
    if (kPageMap[i].writable) copy(shared->page[i], shared->image[c.image][i], kPage);
  }
  if (shared->writable_code) fill(shared->code, 0xcc, kCodePages * kPage);
  uint8_t* const code = shared->code[0] + (c.code_at - kCode);
  copy(code, c.code, c.code_size);
  oracle_in = c.in;
  if (c.loads_x87) asm volatile("frstor %0" : : "m"(c.x87));
  oracle_run();
  if (!shared->writable_code) fill(code, 0xcc, c.code_size);
  for (uint32_t& lane : c.out.memory_hash) lane = 0;
  for (unsigned i = 0; i < kPages; ++i) {
    if (kPageMap[i].writable) hash_page(shared->page[i], c.out.memory_hash);
  }
  for (unsigned i = 0; shared->writable_code && i < kCodePages; ++i) hash_page(shared->code[i], c.out.memory_hash);
}

uint32_t create_tls(uint32_t base) {
  // 32-bit, writable, limit in pages, usable
  UserDescriptor descriptor{0xffffffff, base, 0xfffff, 0x1 | 0x10 | 0x40};
  if (oracle_syscall(kSysSetThreadArea, address_of(&descriptor)) != 0) leave(11);
  return descriptor.entry * 8 + 3;
}

void set_up_address_space(int descriptor) {
  constexpr uint32_t kReadWrite = 3, kReadOnly = 1, kReadExecute = 5, kReadWriteExecute = 7, kMapShared = 1;
  // Populated, since the first access to a page that is not there yet reports a page fault without the P bit.
  constexpr uint32_t kMapFixed = 0x10 | 0x8000;
  const uint32_t shared_at = address_of(shared);
  oracle_syscall(kSysMunmap, 0, kServer);
  map(shared_at, (sizeof(Shared) + kPage - 1) / kPage * kPage, kReadWrite, kMapShared | kMapFixed, descriptor, 0);
  oracle_syscall(kSysMunmap, kServerEnd, 0xffffe000 - kServerEnd);
  const uint32_t code_page = (address_of(shared->code) - shared_at) / kPage;
  map(kCode, kCodePages * kPage, shared->writable_code ? kReadWriteExecute : kReadExecute, kMapShared | kMapFixed, descriptor,
      code_page);
  const uint32_t first_page = (address_of(shared->page) - shared_at) / kPage;
  for (unsigned i = 0; i < kPages; ++i) {
    map(kPageMap[i].address, kPage, kPageMap[i].writable ? kReadWrite : kReadOnly, kMapShared | kMapFixed, descriptor,
        first_page + i);
    if (!kPageMap[i].writable) copy(shared->page[i], shared->image[0][i], kPage);
  }
  fill(shared->code, 0xcc, kCodePages * kPage);
}

void catch_signals() {
  struct { uint32_t sp; int flags; uint32_t size; } stack{address_of(signal_stack), 0, sizeof signal_stack};
  if (oracle_syscall(kSysSigaltstack, address_of(&stack)) != 0) leave(12);
  // SIGILL SIGTRAP SIGBUS SIGFPE SIGSEGV. The handler leaves by a jump, so nothing is ever restored by the kernel.
  constexpr uint32_t kSignals[] = {4, 5, 7, 8, 11};
  for (const uint32_t signal : kSignals) {
    SignalAction action{reinterpret_cast<uint32_t>(&oracle_signal), kOnStack | kNoDefer | kHasRestorer,
                        reinterpret_cast<uint32_t>(&oracle_return), {0, 0}};
    if (oracle_syscall(kSysRtSigaction, signal, address_of(&action), 0, 8) != 0) leave(13);
  }
}

}  // namespace

extern "C" void oracle_main(int descriptor) {
  set_up_address_space(descriptor);
  catch_signals();
  shared->tls_selector[0] = create_tls(kTlsBase[0]);
  shared->tls_selector[1] = create_tls(kTlsBase[1]);
  uint16_t data, code;
  asm("movw %%ds, %0\n\tmovw %%cs, %1" : "=r"(data), "=r"(code));
  shared->flat_data = data;
  shared->flat_code = code;
  constexpr uint32_t kSetSeccomp = 22, kStrict = 1;
  if (oracle_syscall(kSysPrctl, kSetSeccomp, kStrict) != 0) leave(14);
  for (;;) {
    uint32_t range[2];  // first case, count
    if (oracle_syscall(kSysRead, 0, address_of(range), sizeof range) != sizeof range) leave(0);
    for (uint32_t i = range[0]; i < range[0] + range[1]; ++i) {
      shared->current = i;
      run_case(shared->batch[i]);
    }
    if (oracle_syscall(kSysWrite, 1, address_of(&range[1]), 4) != 4) leave(0);
  }
}
