// Single services on a mailbox of the test's own: no processor runs, the test plays the guest.
#include <elf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>

#include <fmt/format.h>

#include "sim/linux/process.h"
#include "translator/ir/ir.h"

namespace chrysalis::sim {
namespace {

using ir::GuestReg;

constexpr uint64_t kRam = 32 << 20;
const std::string kTiny = std::string(CHRYSALIS_GUESTS) + "/guest_tiny";

enum Number : uint32_t { kRead = 3, kOpen = 5, kTime = 13, kBrk = 45, kMunmap = 91, kUname = 122, kMprotect = 125, kNanosleep = 162, kMmap2 = 192, kSetThreadArea = 243, kGetRandom = 355, kBpf = 357 };

class Guest {
  std::vector<uint8_t> ram_;  // outlives the process
  std::unique_ptr<fw::Mailbox> mailbox_;

 public:
  explicit Guest(std::string program = kTiny, uint64_t ram = kRam) : ram_(ram), mailbox_(std::make_unique<fw::Mailbox>()) {
    config.program = std::move(program);
    config.args = {"tiny", "argument"};
    config.env = {"NAME=value"};
    config.ram = ram_.data();
    config.ram_size = ram_.size();
    config.hwcap = 0x123;
    config.report = [this](const std::string& message) { reports.push_back(message); };
  }

  std::optional<std::string> load() {
    process = std::make_unique<Process>(config);
    return process->load(*mailbox_);
  }

  uint32_t reg(GuestReg r) const { return static_cast<uint32_t>(mailbox_->context.slot[static_cast<unsigned>(r)]); }
  void set(GuestReg r, uint32_t value) { mailbox_->context.slot[static_cast<unsigned>(r)] = value; }
  fw::Mailbox& mailbox() { return *mailbox_; }

  ServiceResult call_service(uint32_t number, std::initializer_list<uint32_t> arguments) {
    constexpr GuestReg kOrder[] = {GuestReg::Ebx, GuestReg::Ecx, GuestReg::Edx, GuestReg::Esi, GuestReg::Edi, GuestReg::Ebp};
    set(GuestReg::Eax, number);
    size_t i = 0;
    for (const uint32_t argument : arguments) set(kOrder[i++], argument);
    mailbox_->vector = 0x80;
    mailbox_->is_software_interrupt = 1;
    return process->on_service(*mailbox_, now += 1000);
  }
  int32_t call(uint32_t number, std::initializer_list<uint32_t> arguments) {
    const ServiceResult result = call_service(number, arguments);
    EXPECT_EQ(result.kind, ServiceResult::Kind::Continue) << result.message;
    return static_cast<int32_t>(reg(GuestReg::Eax));
  }
  ServiceResult raise(uint32_t vector, uint32_t error = 0, uint32_t cr2 = 0) {
    mailbox_->vector = vector;
    mailbox_->error_code = error;
    mailbox_->context.cr2 = cr2;
    mailbox_->is_software_interrupt = 0;
    return process->on_service(*mailbox_, now += 1000);
  }

  /// The page-table entry of `address`; 0 if its table is missing.
  uint32_t entry(uint32_t address) const {
    const uint32_t directory = word(mailbox_->context.cr3 + (address >> 22) * 4);
    return (directory & 1) == 0 ? 0 : word((directory & ~0xfffu) + (address >> 12 & 1023) * 4);
  }
  uint32_t word(uint32_t physical) const {
    uint32_t value;
    std::memcpy(&value, &ram_.at(physical), 4);
    return value;
  }
  /// Reads guest memory as the monitor would, page fault included.
  uint32_t load_word(uint32_t address) {
    if ((entry(address) & 1) == 0) {
      EXPECT_EQ(raise(14, 4, address).kind, ServiceResult::Kind::Continue);
    }
    return (entry(address) & 1) == 0 ? 0 : word((entry(address) & ~0xfffu) | (address & 0xfff));
  }
  void store(uint32_t address, const void* data, size_t size) {
    if ((entry(address) & 3) != 3) {
      EXPECT_EQ(raise(14, 6, address).kind, ServiceResult::Kind::Continue);
    }
    ASSERT_EQ(entry(address) & 3, 3u);
    std::memcpy(&ram_[(entry(address) & ~0xfffu) | (address & 0xfff)], data, size);
  }
  uint32_t map(uint32_t pages, int prot = PROT_READ | PROT_WRITE) {
    return static_cast<uint32_t>(call(kMmap2, {0, pages * 4096, static_cast<uint32_t>(prot), MAP_PRIVATE | MAP_ANONYMOUS, ~0u, 0}));
  }
  bool invalidated(uint32_t page) const {
    if ((mailbox_->reply & fw::kReplyInvalidateAll) != 0) return true;
    if ((mailbox_->reply & fw::kReplyInvalidateCode) == 0) return false;
    for (uint32_t i = 0; i < mailbox_->invalid_count; ++i)
      if (mailbox_->invalid_page[i] == page) return true;
    return false;
  }

  ProcessConfig config;
  std::unique_ptr<Process> process;
  std::vector<std::string> reports;
  uint64_t now = 0;
};

// -- Loading -------------------------------------------------------------------------------------------

TEST(Load, StackHoldsArgumentsEnvironmentAndAuxiliaryVector) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  uint32_t sp = guest.reg(GuestReg::Esp);
  EXPECT_EQ(sp % 16, 0u);
  EXPECT_EQ(guest.load_word(sp), 2u);
  const auto text = [&](uint32_t address) {
    std::string result;
    for (;; ++address) {
      const auto c = static_cast<char>(guest.load_word(address & ~3u) >> (address % 4 * 8));
      if (c == 0) return result;
      result += c;
    }
  };
  EXPECT_EQ(text(guest.load_word(sp + 4)), "tiny");
  EXPECT_EQ(text(guest.load_word(sp + 8)), "argument");
  EXPECT_EQ(guest.load_word(sp + 12), 0u);
  EXPECT_EQ(text(guest.load_word(sp + 16)), "NAME=value");
  EXPECT_EQ(guest.load_word(sp + 20), 0u);
  std::map<uint32_t, uint32_t> auxiliary;
  for (sp += 24; guest.load_word(sp) != AT_NULL; sp += 8) auxiliary[guest.load_word(sp)] = guest.load_word(sp + 4);
  EXPECT_EQ(auxiliary[AT_PAGESZ], 4096u);
  EXPECT_EQ(auxiliary[AT_ENTRY], guest.reg(GuestReg::Eip));
  EXPECT_EQ(auxiliary[AT_HWCAP], 0x123u);
  EXPECT_EQ(auxiliary[AT_PHENT], 32u);
  EXPECT_EQ(guest.load_word(auxiliary[AT_PHDR]), static_cast<uint32_t>(PT_LOAD));
  EXPECT_EQ(text(auxiliary[AT_PLATFORM]), "i686");
  EXPECT_EQ(text(auxiliary[AT_EXECFN]), "tiny");
  EXPECT_EQ(auxiliary.count(AT_SYSINFO_EHDR), 0u);
  EXPECT_EQ(auxiliary.count(AT_SYSINFO), 0u);
  EXPECT_EQ(guest.reg(GuestReg::CsSel), 0x23u);
  EXPECT_EQ(guest.reg(GuestReg::SsSel), 0x2bu);
  EXPECT_EQ(guest.mailbox().context.fcw, 0x37f);
}

struct BadFile {
  const char* name;
  std::string content;
  const char* message;
};

TEST(Load, EveryBadFileHasItsOwnMessage) {
  std::ifstream file(kTiny, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  const auto changed = [&](size_t at, uint32_t value, size_t size) {
    std::string copy = good;
    std::memcpy(copy.data() + at, &value, size);
    return copy;
  };
  const size_t first_header = sizeof(Elf32_Ehdr);
  const BadFile cases[] = {
      {"empty", "", "empty"},
      {"text", "hello", "not an ELF file"},
      {"short", good.substr(0, 30), "a truncated ELF file: 30 bytes"},
      {"no headers", good.substr(0, sizeof(Elf32_Ehdr) + 10), "program headers lie beyond its end"},
      {"half", good.substr(0, good.size() / 3), "a truncated ELF file"},
      {"64-bit", changed(EI_CLASS, ELFCLASS64, 1), "a 64-bit ELF file; only 32-bit (i386) programs run here"},
      {"class", changed(EI_CLASS, 9, 1), "a corrupt ELF file: class 9"},
      {"big-endian", changed(EI_DATA, ELFDATA2MSB, 1), "big-endian"},
      {"arm", changed(offsetof(Elf32_Ehdr, e_machine), EM_ARM, 2), "for another processor (ELF machine 40)"},
      {"object", changed(offsetof(Elf32_Ehdr, e_type), ET_REL, 2), "has not been linked"},
      {"no segments", changed(offsetof(Elf32_Ehdr, e_phnum), 0, 2), "0 program headers"},
      {"entry", changed(offsetof(Elf32_Ehdr, e_entry), 0x1234, 4), "its entry point 0x1234 lies in no segment"},
      {"kernel address", changed(first_header + offsetof(Elf32_Phdr, p_vaddr), 0xffffe000, 4), "outside the address space"},
      {"null page", changed(first_header + offsetof(Elf32_Phdr, p_vaddr), 0, 4), "below the lowest address"},
      {"unaligned", changed(first_header + offsetof(Elf32_Phdr, p_vaddr), 0x08048123, 4), "not aligned"},
      {"sizes", changed(first_header + offsetof(Elf32_Phdr, p_memsz), 1, 4), "larger in the file than in memory"},
      {"interpreter", changed(first_header + offsetof(Elf32_Phdr, p_type), PT_INTERP, 4), "dynamically linked, and its interpreter"},
      {"script", "#!/nonexistent/shell\n", "No such file"},
      {"script of nothing", "#!\n", "names no interpreter"},
  };
  const auto path = std::filesystem::temp_directory_path() / fmt::format("personality-elf-{}", getpid());
  for (const BadFile& bad : cases) {
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << bad.content;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    Guest guest(path.string());
    const auto error = guest.load();
    ASSERT_TRUE(error.has_value()) << bad.name;
    EXPECT_NE(error->find(bad.message), std::string::npos) << bad.name << ": " << *error;
    EXPECT_NE(error->find(path.string()), std::string::npos) << bad.name << ": " << *error;
  }
  std::filesystem::permissions(path, std::filesystem::perms::owner_read);
  EXPECT_NE(Guest(path.string()).load().value_or("").find("not executable"), std::string::npos);
  std::filesystem::remove(path);
  EXPECT_NE(Guest(path.string()).load().value_or("").find("No such file"), std::string::npos);
  EXPECT_NE(Guest("/tmp").load().value_or("").find("a directory"), std::string::npos);
  EXPECT_NE(Guest("/dev/null").load().value_or("").find("not a regular file"), std::string::npos);
  EXPECT_NE(Guest("/proc/self/exe").load().value_or("").find("64-bit"), std::string::npos);
  EXPECT_NE(Guest(kTiny, 16384).load().value_or("").find("does not fit into guest RAM"), std::string::npos);
  Guest rooted;
  rooted.config.sysroot = "/nonexistent";
  EXPECT_NE(rooted.load().value_or("").find("--sysroot /nonexistent"), std::string::npos);
}

// Whatever is in the file: a message, or a guest whose pages can all be asked for.
TEST(Load, MutatedFilesNeverHarmUs) {
  std::ifstream file(kTiny, std::ios::binary);
  const std::string good((std::istreambuf_iterator<char>(file)), {});
  const auto path = std::filesystem::temp_directory_path() / fmt::format("personality-fuzz-{}", getpid());
  std::mt19937 random(20260101);
  int loaded = 0;
  for (int i = 0; i < 2000; ++i) {
    std::string content = good;
    for (unsigned change = random() % 8 + 1; change > 0; --change) {
      // Mostly headers; sometimes whole interesting words, sometimes the length.
      const size_t limit = random() % 4 == 0 ? content.size() : std::min<size_t>(content.size(), 400);
      if (limit < 4) break;
      const size_t at = random() % (limit - 3);
      const uint32_t words[] = {0, 1, 0xffff'ffff, 0x8000'0000, 0x7fff'ffff, 0x1000, 0xfff, static_cast<uint32_t>(random())};
      switch (random() % 4) {
        case 0: content[at] = static_cast<char>(random()); break;
        case 1: content[at] = static_cast<char>(content[at] ^ 1 << random() % 8); break;
        case 2: std::memcpy(content.data() + at / 4 * 4, &words[random() % 8], 4); break;
        case 3:
          if (random() % 8 == 0) content.resize(random() % content.size() + 1);
          break;
      }
    }
    std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    Guest guest(path.string(), 1 << 20);
    if (guest.load()) continue;
    ++loaded;
    // As its first instructions would: fetch, push, touch something.
    for (const uint32_t address : {guest.reg(GuestReg::Eip), guest.reg(GuestReg::Esp) - 4, static_cast<uint32_t>(random())})
      if (guest.raise(14, 4, address).kind != ServiceResult::Kind::Continue) break;
  }
  std::filesystem::remove(path);
  EXPECT_GT(loaded, 100);
}

// -- Memory ----------------------------------------------------------------------------------------------

TEST(Paging, PagesComeOnDemandWithTheirPermissions) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t at = guest.map(3, PROT_READ | PROT_WRITE | PROT_EXEC);
  EXPECT_EQ(guest.entry(at) & 1, 0u);
  EXPECT_EQ(guest.raise(14, 6, at + 5).kind, ServiceResult::Kind::Continue);
  EXPECT_EQ(guest.entry(at) & 7, 7u);
  EXPECT_EQ(guest.entry(at + 4096) & 1, 0u);
  EXPECT_EQ(guest.mailbox().reply & fw::kReplyFlushTlb, 0u) << "a page that was absent is in no TLB";
  EXPECT_EQ(guest.call(kMprotect, {at, 4096, PROT_READ}), 0);
  EXPECT_EQ(guest.entry(at) & 7, 5u);
  EXPECT_NE(guest.mailbox().reply & fw::kReplyFlushTlb, 0u);
  const uint32_t frame = guest.entry(at) >> 12;
  EXPECT_EQ(guest.call(kMunmap, {at, 4096}), 0);
  EXPECT_EQ(guest.entry(at) & 1, 0u);
  EXPECT_NE(guest.mailbox().reply & fw::kReplyFlushTlb, 0u);
  EXPECT_TRUE(guest.invalidated(frame));
}

TEST(Paging, DataDoesNotRun) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  ASSERT_NE(guest.mailbox().no_execute, 0u);
  const uint32_t at = guest.map(1);
  EXPECT_EQ(guest.raise(14, 4, at).kind, ServiceResult::Kind::Continue);
  EXPECT_NE(guest.entry(at) & guest.mailbox().no_execute, 0u);
  EXPECT_EQ(guest.call(kMprotect, {at, 4096, PROT_READ | PROT_EXEC}), 0);
  EXPECT_EQ(guest.entry(at) & guest.mailbox().no_execute, 0u);
  EXPECT_EQ(guest.raise(14, 0x14, at).kind, ServiceResult::Kind::Continue);
  const uint32_t frame = guest.entry(at) >> 12;
  EXPECT_EQ(guest.call(kMprotect, {at, 4096, PROT_READ}), 0);
  EXPECT_TRUE(guest.invalidated(frame));
  const ServiceResult result = guest.raise(14, 0x15, at);
  EXPECT_EQ(result.kind, ServiceResult::Kind::Killed);
  EXPECT_EQ(result.code, SIGSEGV);
}

TEST(Paging, SystemCallsThatWriteReportTheirPages) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t at = guest.map(2, PROT_READ | PROT_WRITE | PROT_EXEC);
  EXPECT_EQ(guest.call(kGetRandom, {at + 4090, 12, 0}), 12);
  EXPECT_TRUE(guest.invalidated(guest.entry(at) >> 12));
  EXPECT_TRUE(guest.invalidated(guest.entry(at + 4096) >> 12));
  EXPECT_EQ(guest.mailbox().invalid_count, 2u);
  EXPECT_EQ(guest.call(kTime, {0}), 946684800);
  EXPECT_EQ(guest.mailbox().reply, 0u);
  EXPECT_EQ(guest.mailbox().invalid_count, 0u);
  // What never was executable holds no code.
  const uint32_t plain = guest.map(1);
  EXPECT_EQ(guest.call(kGetRandom, {plain, 4096, 0}), 4096);
  EXPECT_EQ(guest.mailbox().reply, 0u);
  const uint32_t many = guest.map(300, PROT_READ | PROT_WRITE | PROT_EXEC);
  EXPECT_EQ(guest.call(kGetRandom, {many, 300 * 4096, 0}), 300 * 4096);
  EXPECT_NE(guest.mailbox().reply & fw::kReplyInvalidateAll, 0u);
}

TEST(Paging, NoEntryEverLeavesGuestRam) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t at = guest.map(1000);
  for (uint32_t i = 0; i < 1000; ++i) ASSERT_EQ(guest.raise(14, 6, at + i * 4096).kind, ServiceResult::Kind::Continue);
  std::set<uint32_t> frames;
  for (uint32_t table = 0; table < 1024; ++table) {
    const uint32_t directory = guest.word(guest.mailbox().context.cr3 + table * 4);
    if ((directory & 1) == 0) continue;
    EXPECT_TRUE(frames.insert(directory >> 12).second);
    for (uint32_t i = 0; i < 1024; ++i) {
      const uint32_t entry = guest.word((directory & ~0xfffu) + i * 4);
      if ((entry & 1) == 0) continue;
      EXPECT_LT(uint64_t{entry >> 12} * 4096, kRam);
      EXPECT_TRUE(frames.insert(entry >> 12).second) << "two addresses share a private page";
    }
  }
  EXPECT_EQ(frames.count(guest.mailbox().context.cr3 >> 12), 0u);
}

TEST(Paging, MappingMoreThanRamIsRefusedAndTouchingMoreEndsTheRun) {
  Guest guest(kTiny, 4 << 20);
  ASSERT_EQ(guest.load(), std::nullopt);
  EXPECT_EQ(guest.call(kMmap2, {0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0u, 0}), -ENOMEM);
  const uint32_t at = static_cast<uint32_t>(guest.call(kMmap2, {0, 64 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, ~0u, 0}));
  ServiceResult result;
  for (uint32_t i = 0; i < 2000 && result.kind == ServiceResult::Kind::Continue; ++i) result = guest.raise(14, 6, at + i * 4096);
  EXPECT_EQ(result.kind, ServiceResult::Kind::Failed);
  EXPECT_NE(result.message.find("guest RAM is exhausted (4 MiB)"), std::string::npos);
  EXPECT_NE(guest.mailbox().reply & fw::kReplyStop, 0u);
}

TEST(Break, MovesBothWaysAndKeepsToItsLimits) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const auto start = static_cast<uint32_t>(guest.call(kBrk, {0}));
  EXPECT_EQ(guest.call(kBrk, {start + 10000}), static_cast<int32_t>(start + 10000));
  const uint32_t value = 77;
  guest.store(start + 8192, &value, 4);
  EXPECT_EQ(guest.call(kBrk, {start}), static_cast<int32_t>(start));
  EXPECT_EQ(guest.call(kBrk, {start - 1}), static_cast<int32_t>(start));
  EXPECT_EQ(guest.call(kBrk, {0xfff00000}), static_cast<int32_t>(start));
  EXPECT_EQ(guest.call(kBrk, {start + 10000}), static_cast<int32_t>(start + 10000));
  EXPECT_EQ(guest.load_word(start + 8192), 0u);
}

// -- Faults and signals ------------------------------------------------------------------------------------

TEST(Faults, WithoutHandlerKillTheProcess) {
  const struct { uint32_t vector, error, cr2; int signal; } cases[] = {
      {0, 0, 0, SIGFPE}, {1, 0, 0, SIGTRAP}, {3, 0, 0, SIGTRAP}, {4, 0, 0, SIGSEGV}, {5, 0, 0, SIGSEGV}, {6, 0, 0, SIGILL},
      {11, 0, 0, SIGBUS}, {12, 0, 0, SIGBUS}, {13, 0, 0, SIGSEGV}, {14, 4, 0, SIGSEGV}, {14, 4, 0xffffe000, SIGSEGV},
      {14, 6, 0xffffffff, SIGSEGV}, {17, 0, 0, SIGBUS}};
  for (const auto& c : cases) {
    Guest guest;
    ASSERT_EQ(guest.load(), std::nullopt);
    const ServiceResult result = guest.raise(c.vector, c.error, c.cr2);
    EXPECT_EQ(result.kind, ServiceResult::Kind::Killed) << c.vector;
    EXPECT_EQ(result.code, c.signal) << c.vector;
    EXPECT_EQ(result.exit_code(), 128 + c.signal);
    EXPECT_NE(guest.mailbox().reply & fw::kReplyStop, 0u);
  }
}

TEST(Faults, GatesThatAProgramMayNotCallRaiseProtectionFaultsAtTheInstruction) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  // A handler shows where and why.
  const uint32_t area = guest.map(1);
  const uint32_t action[5] = {0x08040000, SA_SIGINFO, 0, 0, 0};
  guest.store(area, action, sizeof action);
  EXPECT_EQ(guest.call(174, {SIGSEGV, area, 0, 8}), 0);
  guest.set(GuestReg::Eip, 0x08049002);
  guest.mailbox().instruction = 0x08049000;
  guest.mailbox().vector = 0x21;
  guest.mailbox().is_software_interrupt = 1;
  EXPECT_EQ(guest.process->on_service(guest.mailbox(), guest.now += 1000).kind, ServiceResult::Kind::Continue);
  EXPECT_EQ(guest.reg(GuestReg::Eip), 0x08040000u);
  const uint32_t frame = guest.reg(GuestReg::Esp);
  EXPECT_EQ((frame + 4) % 16, 0u);
  const uint32_t context = guest.load_word(frame + 12) + 20;  // uc_mcontext
  EXPECT_EQ(guest.load_word(context + 48), 13u);              // trapno
  EXPECT_EQ(guest.load_word(context + 52), 0x21u << 3 | 2);   // err
  EXPECT_EQ(guest.load_word(context + 56), 0x08049000u);      // eip
  EXPECT_EQ(guest.load_word(context + 64) & 0x10000, 0x10000u);
  // And back.
  guest.set(GuestReg::Esp, frame + 4);
  EXPECT_EQ(guest.call_service(173, {}).kind, ServiceResult::Kind::Continue);
  EXPECT_EQ(guest.reg(GuestReg::Eip), 0x08049000u);
}

TEST(Faults, AHandlerOnAnUnusableStackKills) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t area = guest.map(1);
  const uint32_t action[5] = {0x08040000, 0, 0, 0, 0};
  guest.store(area, action, sizeof action);
  EXPECT_EQ(guest.call(174, {SIGFPE, area, 0, 8}), 0);
  guest.set(GuestReg::Esp, 0x1000);
  const ServiceResult result = guest.raise(0);
  EXPECT_EQ(result.kind, ServiceResult::Kind::Killed);
  EXPECT_EQ(result.code, SIGSEGV);
}

// -- Others ----------------------------------------------------------------------------------------------

TEST(Calls, AnUnsupportedOneIsReportedOnce) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  EXPECT_EQ(guest.call(kBpf, {}), -ENOSYS);
  EXPECT_EQ(guest.call(kBpf, {}), -ENOSYS);
  EXPECT_EQ(guest.call(9999, {}), -ENOSYS);
  ASSERT_EQ(guest.reports.size(), 2u);
  EXPECT_NE(guest.reports[0].find("357 (bpf)"), std::string::npos);
  EXPECT_NE(guest.reports[1].find("9999"), std::string::npos);
  EXPECT_EQ(guest.process->unsupported_syscalls(), (std::vector<uint32_t>{kBpf, 9999}));
}

// Bad pointers, lengths and descriptors for every number, in a folder and with descriptors of the guest's own.
TEST(Calls, EveryNumberSurvivesBadArguments) {
  const auto home = std::filesystem::current_path();
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("personality-calls-{}", getpid());
  std::filesystem::create_directory(folder);
  std::filesystem::current_path(folder);
  std::ofstream("scratch") << std::string(10000, 'x');
  std::mt19937 random(7);
  for (uint32_t number = 0; number < 460; ++number) {
    Guest guest(kTiny, 2 << 20);
    ASSERT_EQ(guest.load(), std::nullopt);
    const uint32_t at = guest.map(1);
    guest.store(at, "scratch", 8);
    for (uint32_t fd = 0; fd < 3; ++fd) guest.call(6, {fd});
    for (int fd = 0; fd < 3; ++fd) ASSERT_EQ(guest.call(kOpen, {at, O_RDWR | O_CREAT, 0600}), fd);
    for (int i = 0; i < 10; ++i) {
      const uint32_t values[] = {0, 1, 2, 0xffff'ffff, 0xbfff'fff0, 0xffff'dff0, 0x1234'5678, 100, at, at + 4090, static_cast<uint32_t>(random())};
      const auto pick = [&] { return values[random() % std::size(values)]; };
      const ServiceResult result = guest.call_service(number, {pick(), pick(), pick(), pick(), pick(), pick()});
      if (result.kind != ServiceResult::Kind::Continue) break;
    }
  }
  std::filesystem::current_path(home);
  std::filesystem::remove_all(folder);
}

TEST(Calls, TimeIsCyclesAndSleepingSkipsIt) {
  Guest guest;
  guest.config.frequency = 1'000'000;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t at = guest.map(1);
  EXPECT_EQ(guest.call(kTime, {0}), 946684800);
  guest.now += 5'000'000;
  EXPECT_EQ(guest.call(kTime, {0}), 946684805);
  const uint32_t sleep[2] = {1000, 0};
  guest.store(at, sleep, sizeof sleep);
  const ServiceResult result = guest.call_service(kNanosleep, {at, 0});
  EXPECT_EQ(result.idle_cycles, 1'000'000'000u);
  EXPECT_EQ(guest.call(kTime, {0}), 946685805);
}

TEST(Calls, TimersAreDueWhenTheySay) {
  Guest guest;
  guest.config.frequency = 1'000'000;
  ASSERT_EQ(guest.load(), std::nullopt);
  EXPECT_EQ(guest.process->next_timer(), std::nullopt);
  EXPECT_EQ(guest.call(27, {2}), 0);  // alarm
  ASSERT_TRUE(guest.process->next_timer().has_value());
  const uint64_t due = *guest.process->next_timer();
  EXPECT_EQ(due, guest.now + 2'000'000);
  EXPECT_EQ(guest.process->on_timer(guest.mailbox(), due - 1).kind, ServiceResult::Kind::Continue);
  const ServiceResult result = guest.process->on_timer(guest.mailbox(), due);
  EXPECT_EQ(result.kind, ServiceResult::Kind::Killed);
  EXPECT_EQ(result.code, SIGALRM);
}

TEST(Calls, ThreadAreasReachTheMonitor) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const uint32_t at = guest.map(1);
  const uint32_t descriptor[4] = {~0u, 0x1234'5000, 0xfffff, 0x51};
  guest.store(at, descriptor, sizeof descriptor);
  EXPECT_EQ(guest.call(kSetThreadArea, {at}), 0);
  EXPECT_EQ(guest.load_word(at), 12u);
  EXPECT_EQ(guest.mailbox().tls[0].base, 0x1234'5000u);
  EXPECT_EQ(guest.mailbox().tls[0].flags, fw::kTlsPresent);
  EXPECT_EQ(guest.mailbox().tls[1].flags, 0u);
  // A loaded selector follows a change.
  guest.set(GuestReg::GsSel, 0x63);
  const uint32_t moved[4] = {12, 0x2000'0000, 0xfffff, 0x51};
  guest.store(at, moved, sizeof moved);
  EXPECT_EQ(guest.call(kSetThreadArea, {at}), 0);
  EXPECT_EQ(guest.reg(GuestReg::GsBase), 0x2000'0000u);
}

TEST(Calls, WaitingForNothingEndsTheRunWithAMessage) {
  Guest guest;
  ASSERT_EQ(guest.load(), std::nullopt);
  const ServiceResult result = guest.call_service(29, {});  // pause
  EXPECT_EQ(result.kind, ServiceResult::Kind::Failed);
  EXPECT_NE(result.message.find("waits for something that cannot happen"), std::string::npos);
}

}  // namespace
}  // namespace chrysalis::sim
