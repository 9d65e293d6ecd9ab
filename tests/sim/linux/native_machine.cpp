#include "tests/sim/linux/native_machine.h"

#include <asm/ldt.h>
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include "translator/ir/ir.h"

namespace chrysalis::sim::test {
namespace {

using ir::GuestReg;

constexpr int kMemoryFd = 100;
// The traced process keeps one page of its own, at the lowest address a program may use: `int $0x80`.
constexpr uint32_t kStubPage = 0x1'0000;
constexpr uint32_t kStubCode = kStubPage + sizeof(Elf32_Ehdr) + 2 * sizeof(Elf32_Phdr);
constexpr uint32_t kUserTop = 0xffff'e000;
constexpr uint32_t kMmap2 = 192, kMunmap = 91;
constexpr int kSetThreadArea = 26;  // PTRACE_SET_THREAD_AREA
constexpr int kSysEmu = 31;         // PTRACE_SYSEMU
constexpr uint32_t kArithmeticFlags = 0x8d5;

[[noreturn]] void fail(const char* what) { throw std::runtime_error(std::string(what) + ": " + std::strerror(errno)); }

void must(long result, const char* what) {
  if (result < 0) fail(what);
}

int make_stub() {
  const int fd = memfd_create("stub", 0);
  must(fd, "memfd_create");
  struct {
    Elf32_Ehdr header;
    Elf32_Phdr segment, stack;
    uint8_t code[4];
  } image{};
  std::memcpy(image.header.e_ident, ELFMAG, SELFMAG);
  image.header.e_ident[EI_CLASS] = ELFCLASS32;
  image.header.e_ident[EI_DATA] = ELFDATA2LSB;
  image.header.e_ident[EI_VERSION] = EV_CURRENT;
  image.header.e_type = ET_EXEC;
  image.header.e_machine = EM_386;
  image.header.e_version = EV_CURRENT;
  image.header.e_entry = kStubCode;
  image.header.e_phoff = sizeof(Elf32_Ehdr);
  image.header.e_ehsize = sizeof(Elf32_Ehdr);
  image.header.e_phentsize = sizeof(Elf32_Phdr);
  image.header.e_phnum = 2;
  image.segment = {PT_LOAD, 0, kStubPage, kStubPage, sizeof image, sizeof image, PF_R | PF_X, 4096};
  image.stack.p_type = PT_GNU_STACK;  // without it, whatever is readable would be executable
  image.stack.p_flags = PF_R | PF_W;
  image.code[0] = 0xcd;
  image.code[1] = 0x80;
  if (write(fd, &image, sizeof image) != static_cast<ssize_t>(sizeof image)) fail("write");
  return fd;
}

int wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) fail("waitpid");
  if (!WIFSTOPPED(status)) throw std::runtime_error("the traced process ended");
  return status;
}

}  // namespace

NativeMachine::NativeMachine(uint64_t ram_size) : ram_size_(ram_size) {
  memory_fd_ = memfd_create("guest", 0);
  must(memory_fd_, "memfd_create");
  must(ftruncate(memory_fd_, static_cast<off_t>(ram_size)), "ftruncate");
  void* at = mmap(nullptr, ram_size, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd_, 0);
  if (at == MAP_FAILED) fail("mmap");
  ram_ = static_cast<uint8_t*>(at);
  start_child();
}

NativeMachine::~NativeMachine() {
  if (child_ > 0) {
    kill(child_, SIGKILL);
    int status;
    waitpid(child_, &status, 0);
  }
  munmap(ram_, ram_size_);
  close(memory_fd_);
}

void NativeMachine::start_child() {
  const int stub = make_stub();
  child_ = fork();
  must(child_, "fork");
  if (child_ == 0) {
    dup2(memory_fd_, kMemoryFd);
    personality(ADDR_NO_RANDOMIZE);
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    char name[] = "stub";
    char* const argv[] = {name, nullptr};
    char* const envp[] = {nullptr};
    fexecve(stub, argv, envp);
    _exit(127);
  }
  close(stub);
  wait_for(child_);
  must(ptrace(PTRACE_SETOPTIONS, child_, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL), "ptrace");
  must(ptrace(PTRACE_GETREGS, child_, 0, &regs_), "ptrace");
  must(ptrace(PTRACE_GETFPREGS, child_, 0, &fpu_), "ptrace");
  flush_tlb();
}

int64_t NativeMachine::inject(uint32_t number, const uint32_t (&arguments)[6]) {
  user_regs_struct call = regs_;
  call.rip = kStubCode;
  call.orig_rax = ~0ull;
  call.rax = number;
  call.rbx = arguments[0];
  call.rcx = arguments[1];
  call.rdx = arguments[2];
  call.rsi = arguments[3];
  call.rdi = arguments[4];
  call.rbp = arguments[5];
  call.eflags = 0x202;
  must(ptrace(PTRACE_SETREGS, child_, 0, &call), "ptrace");
  // After a stop at an emulated system call, the first step only leaves that call.
  while (call.rip == kStubCode) {
    must(ptrace(PTRACE_SINGLESTEP, child_, 0, 0), "ptrace");
    wait_for(child_);
    must(ptrace(PTRACE_GETREGS, child_, 0, &call), "ptrace");
  }
  return static_cast<int32_t>(call.rax);
}

void NativeMachine::flush_tlb() {
  const uint32_t start = kStubPage + 0x1000;
  if (inject(kMunmap, {start, kUserTop - start, 0, 0, 0, 0}) != 0) fail("injected munmap");
  tlb_.clear();
}

// Enters the page at `address` as the page tables have it; false if they give no more than is entered.
bool NativeMachine::fill_tlb(const fw::Mailbox& mailbox, uint32_t address) {
  const auto word = [&](uint64_t physical) {
    uint32_t value;
    if (physical + 4 > ram_size_) throw std::runtime_error("page table outside of guest RAM");
    std::memcpy(&value, ram_ + physical, 4);
    return value;
  };
  const uint32_t directory = word(mailbox.context.cr3 + (address >> 22) * 4);
  if ((directory & 1) == 0) return false;
  const uint32_t entry = word((directory & ~0xfffu) + (address >> 12 & 1023) * 4);
  if ((entry & 1) == 0) return false;
  if ((entry & 4) == 0 || (directory & 6) != 6) throw std::runtime_error("page-table entry without user access");
  if ((entry & ~0xfffu) >= ram_size_) throw std::runtime_error("page outside of guest RAM");
  const uint32_t prot = PROT_READ | ((entry & 2) != 0 ? PROT_WRITE : 0) | ((entry & mailbox.no_execute) == 0 ? PROT_EXEC : 0);
  const uint32_t page = address & ~0xfffu;
  const auto found = tlb_.find(page);
  if (found != tlb_.end() && found->second == prot) return false;
  if (found != tlb_.end() && (found->second & ~prot) != 0) throw std::runtime_error("page lost a right without a TLB flush");
  const int64_t at = inject(kMmap2, {page, 4096, prot, MAP_SHARED | MAP_FIXED, kMemoryFd, entry >> 12});
  if (static_cast<uint32_t>(at) != page) throw std::runtime_error("injected mmap failed");
  tlb_[page] = prot;
  ++fills_;
  return true;
}

void NativeMachine::load_state(const fw::Mailbox& mailbox) {
  const fw::GuestContext& c = mailbox.context;
  const auto reg = [&](GuestReg r) { return c.slot[static_cast<unsigned>(r)]; };
  for (uint32_t i = 0; i < 3; ++i) {
    const fw::TlsDescriptor& tls = mailbox.tls[i];
    if (tls.base == tls_base_[i] && tls.flags == tls_flags_[i]) continue;
    user_desc descriptor{};
    descriptor.entry_number = fw::kFirstTlsEntry + i;
    descriptor.base_addr = tls.base;
    descriptor.limit = tls.flags != 0 ? 0xfffff : 0;
    descriptor.seg_32bit = tls.flags != 0;
    descriptor.limit_in_pages = tls.flags != 0;
    descriptor.useable = tls.flags != 0;
    descriptor.read_exec_only = descriptor.seg_not_present = tls.flags == 0;
    must(ptrace(static_cast<__ptrace_request>(kSetThreadArea), child_, descriptor.entry_number, &descriptor), "PTRACE_SET_THREAD_AREA");
    tls_base_[i] = tls.base;
    tls_flags_[i] = tls.flags;
  }
  regs_.rax = reg(GuestReg::Eax);
  regs_.rcx = reg(GuestReg::Ecx);
  regs_.rdx = reg(GuestReg::Edx);
  regs_.rbx = reg(GuestReg::Ebx);
  regs_.rsp = reg(GuestReg::Esp);
  regs_.rbp = reg(GuestReg::Ebp);
  regs_.rsi = reg(GuestReg::Esi);
  regs_.rdi = reg(GuestReg::Edi);
  regs_.rip = reg(GuestReg::Eip);
  regs_.eflags = reg(GuestReg::Flags) | reg(GuestReg::SysFlags) | 2;
  regs_.cs = reg(GuestReg::CsSel);
  regs_.ss = reg(GuestReg::SsSel);
  regs_.ds = reg(GuestReg::DsSel);
  regs_.es = reg(GuestReg::EsSel);
  regs_.fs = reg(GuestReg::FsSel);
  regs_.gs = reg(GuestReg::GsSel);
  regs_.fs_base = reg(GuestReg::FsBase);
  regs_.gs_base = reg(GuestReg::GsBase);
  regs_.orig_rax = ~0ull;
  must(ptrace(PTRACE_SETREGS, child_, 0, &regs_), "ptrace");

  user_fpregs_struct fpu = fpu_;
  fpu.cwd = c.fcw;
  fpu.swd = static_cast<uint16_t>((c.fsw & ~0x3800) | c.x87_top << 11);
  fpu.ftw = c.x87_tag;
  fpu.mxcsr = c.mxcsr;
  for (unsigned i = 0; i < 8; ++i) {
    const auto& st = c.st[(c.x87_top + i) & 7];
    auto* to = reinterpret_cast<uint8_t*>(fpu.st_space) + 16 * i;
    std::memcpy(to, &st.significand, 8);
    std::memcpy(to + 8, &st.sign_exponent, 2);
  }
  std::memcpy(fpu.xmm_space, c.xmm, sizeof c.xmm);
  if (std::memcmp(&fpu, &fpu_, sizeof fpu) == 0) return;
  must(ptrace(PTRACE_SETFPREGS, child_, 0, &fpu), "ptrace");
  fpu_ = fpu;
}

void NativeMachine::save_state(fw::Mailbox& mailbox) {
  fw::GuestContext& c = mailbox.context;
  const auto set = [&](GuestReg r, uint64_t value) { c.slot[static_cast<unsigned>(r)] = value & 0xffff'ffff; };
  set(GuestReg::Eax, regs_.rax);
  set(GuestReg::Ecx, regs_.rcx);
  set(GuestReg::Edx, regs_.rdx);
  set(GuestReg::Ebx, regs_.rbx);
  set(GuestReg::Esp, regs_.rsp);
  set(GuestReg::Ebp, regs_.rbp);
  set(GuestReg::Esi, regs_.rsi);
  set(GuestReg::Edi, regs_.rdi);
  set(GuestReg::Eip, regs_.rip);
  set(GuestReg::Flags, regs_.eflags & kArithmeticFlags);
  set(GuestReg::SysFlags, regs_.eflags & ~uint64_t{kArithmeticFlags | 2});
  set(GuestReg::DsSel, regs_.ds);
  set(GuestReg::EsSel, regs_.es);
  set(GuestReg::FsSel, regs_.fs);
  set(GuestReg::GsSel, regs_.gs);
  set(GuestReg::FsBase, regs_.fs_base);
  set(GuestReg::GsBase, regs_.gs_base);
  must(ptrace(PTRACE_GETFPREGS, child_, 0, &fpu_), "ptrace");
  c.fcw = fpu_.cwd;
  c.x87_top = fpu_.swd >> 11 & 7;
  c.fsw = static_cast<uint16_t>(fpu_.swd & ~0x3800);
  c.x87_tag = static_cast<uint8_t>(fpu_.ftw);
  c.mxcsr = fpu_.mxcsr;
  for (unsigned i = 0; i < 8; ++i) {
    auto& st = c.st[(c.x87_top + i) & 7];
    const auto* from = reinterpret_cast<const uint8_t*>(fpu_.st_space) + 16 * i;
    std::memcpy(&st.significand, from, 8);
    std::memcpy(&st.sign_exponent, from + 8, 2);
  }
  std::memcpy(c.xmm, fpu_.xmm_space, sizeof c.xmm);
}

ServiceResult NativeMachine::run(Process& process, fw::Mailbox& mailbox, uint64_t cycles_per_service) {
  bool reload = true;
  for (;;) {
    if (reload) load_state(mailbox);
    must(ptrace(static_cast<__ptrace_request>(kSysEmu), child_, 0, 0), "ptrace");
    const int signal = WSTOPSIG(wait_for(child_));
    must(ptrace(PTRACE_GETREGS, child_, 0, &regs_), "ptrace");
    mailbox.error_code = 0;
    mailbox.is_software_interrupt = 0;
    siginfo_t info{};
    if (signal == (SIGTRAP | 0x80)) {
      regs_.rax = regs_.orig_rax;
      mailbox.vector = 0x80;
      mailbox.is_software_interrupt = 1;
    } else {
      must(ptrace(PTRACE_GETSIGINFO, child_, 0, &info), "ptrace");
      if (signal == SIGSEGV && info.si_code != SI_KERNEL) {
        const auto address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(info.si_addr));
        const user_regs_struct before = regs_;
        const bool filled = fill_tlb(mailbox, address);
        regs_ = before;
        regs_.orig_rax = ~0ull;
        if (filled) {
          must(ptrace(PTRACE_SETREGS, child_, 0, &regs_), "ptrace");
          reload = false;
          continue;
        }
        // ptrace does not tell reads, writes and fetches apart. What is entered and still faults was no read.
        mailbox.vector = 14;
        const auto entered = tlb_.find(address & ~0xfffu);
        const bool fetch = address == static_cast<uint32_t>(regs_.rip);
        if (entered == tlb_.end()) mailbox.error_code = fetch ? 0x14 : 4;
        else mailbox.error_code = fetch && (entered->second & PROT_EXEC) == 0 ? 0x15 : 7;
        mailbox.context.cr2 = address;
      } else if (signal == SIGSEGV) {
        mailbox.vector = 13;
      } else if (signal == SIGFPE) {
        mailbox.vector = info.si_code == FPE_INTDIV ? 0 : 16;
      } else if (signal == SIGILL) {
        mailbox.vector = 6;
      } else if (signal == SIGTRAP) {
        mailbox.vector = info.si_code == SI_KERNEL ? 3 : 1;
        mailbox.is_software_interrupt = mailbox.vector == 3;
      } else {
        reload = false;  // a signal from outside is not the guest's
        continue;
      }
    }
    reload = true;
    save_state(mailbox);
    ++services_;
    const ServiceResult result = process.on_service(mailbox, services_ * cycles_per_service);
    if (result.kind != ServiceResult::Kind::Continue) return result;
    if ((mailbox.reply & fw::kReplyFlushTlb) != 0) flush_tlb();
  }
}

}  // namespace chrysalis::sim::test
