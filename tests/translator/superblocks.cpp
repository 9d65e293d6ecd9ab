#include "tests/translator/superblocks.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>

#include "translator/guest_region.h"
#include "x86-frontend/decoded.h"
#include "x86-frontend/lift.h"

namespace chrysalis::test {
namespace {

constexpr uint64_t kContext = 0x7000'1000;

struct Function {
  std::string name;
  uint32_t begin, end;
};

/// The program's code and functions.
class Program {
 public:
  explicit Program(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::ostringstream text;
    text << in.rdbuf();
    file_ = text.str();
    const auto header = at<Elf32_Ehdr>(0);
    if (!in || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_machine != EM_386) throw std::runtime_error(path + ": not an i386 program");
    for (unsigned i = 0; i < header.e_shnum; ++i) sections_.push_back(at<Elf32_Shdr>(header.e_shoff + i * sizeof(Elf32_Shdr)));
  }

  /// Functions of `source`, and the global ones that lie between them.
  std::vector<Function> functions(const std::string& source) const {
    std::map<uint32_t, Function> all;
    uint32_t first = UINT32_MAX, last = 0;
    for (const Elf32_Shdr& section : sections_) {
      if (section.sh_type != SHT_SYMTAB) continue;
      std::string file;
      for (uint32_t offset = 0; offset < section.sh_size; offset += sizeof(Elf32_Sym)) {
        const auto symbol = at<Elf32_Sym>(section.sh_offset + offset);
        const std::string name = file_.c_str() + sections_[section.sh_link].sh_offset + symbol.st_name;
        const unsigned type = ELF32_ST_TYPE(symbol.st_info);
        if (type == STT_FILE) file = name;
        if (type != STT_FUNC || symbol.st_size == 0 || symbol.st_shndx == SHN_UNDEF) continue;
        all[symbol.st_value] = {name, symbol.st_value, symbol.st_value + symbol.st_size};
        const bool local = ELF32_ST_BIND(symbol.st_info) == STB_LOCAL;
        if (source.empty() || (local && file == source && name.find(".cold") == std::string::npos) || name == "kernel") {
          first = std::min(first, symbol.st_value);
          last = std::max(last, symbol.st_value);
        }
      }
    }
    std::vector<Function> out;
    for (const auto& [begin, function] : all) {
      if (begin >= first && begin <= last) out.push_back(function);
    }
    return out;
  }

  std::span<const uint8_t> code(uint32_t address, uint32_t end) const {
    for (const Elf32_Shdr& section : sections_) {
      if (section.sh_type != SHT_PROGBITS || address < section.sh_addr || address >= section.sh_addr + section.sh_size) continue;
      const uint32_t size = std::min(end, section.sh_addr + section.sh_size) - address;
      return {reinterpret_cast<const uint8_t*>(file_.data()) + section.sh_offset + (address - section.sh_addr), size};
    }
    return {};
  }

 private:
  template <class T>
  T at(size_t offset) const {
    T out;
    if (offset + sizeof(T) > file_.size()) throw std::runtime_error("the file is too short");
    std::memcpy(&out, file_.data() + offset, sizeof(T));
    return out;
  }

  std::string file_;
  std::vector<Elf32_Shdr> sections_;
};

struct Instruction {
  uint32_t next = 0;
  ir::Code code;
  x86::LiftStatus status{};

  /// Target of the direct jump or branch that ends it, if any.
  std::optional<uint32_t> target() const {
    if (code.insts.empty()) return std::nullopt;
    const ir::Inst& last = code.insts.back();
    const bool jumps = (last.op == ir::Op::Exit || last.op == ir::Op::ExitIf) && last.aux == static_cast<uint8_t>(ir::ExitKind::Jump);
    if (!jumps) return std::nullopt;
    return static_cast<uint32_t>(last.imm);
  }
  bool conditional() const { return status == x86::LiftStatus::Continues; }
};

class Finder {
 public:
  Finder(const Program& program, const SuperblockOptions& options, std::string program_name)
      : program_(program), options_(options), program_name_(std::move(program_name)) {}

  void add(const Function& function) {
    std::set<uint32_t> heads{function.begin};
    Instruction inst;
    for (uint32_t eip = function.begin; eip < function.end && lift(function, eip, inst); eip = inst.next) {
      const auto target = inst.target();
      if (target && *target <= eip && *target >= function.begin) heads.insert(*target);
    }
    for (const uint32_t head : heads) grow(function, head);
  }

  std::vector<Superblock> out;

 private:
  bool lift(const Function& function, uint32_t eip, Instruction& inst) const {
    x86::DecodedInst decoded;
    if (x86::decode(program_.code(eip, function.end), decoded) != x86::DecodeStatus::Ok) return false;
    inst.code.clear();
    inst.next = eip + decoded.length;
    inst.status = x86::lift(decoded, eip, {}, inst.code);
    return true;
  }

  void grow(const Function& function, uint32_t head) {
    using Way = translator::GuestRegionBuilder::Way;
    Superblock block{program_name_ + ":" + function.name + "+" + std::to_string(head - function.begin), 0, false, {}};
    translator::GuestRegionBuilder builder(block.region, kContext, options_.commits);
    builder.begin(head);
    std::set<uint32_t> seen;
    uint32_t eip = head;
    unsigned body = 0, copies = 1;
    Instruction inst;
    while (builder.size() < options_.max_instructions && eip >= function.begin && eip < function.end) {
      if (!lift(function, eip, inst) || !translator::GuestRegionBuilder::accepts(inst.code, builder.size() == 0)) break;
      if (!seen.insert(eip).second) break;
      const auto target = inst.target();
      const bool ends = !inst.conditional() && !target;
      Way way = Way::Falls;
      uint32_t next = inst.next;
      if (ends) {
        way = Way::Ends;
      } else if (target && (!inst.conditional() || *target <= eip)) {
        way = Way::Taken;
        next = *target;
      }
      builder.append(inst.code, eip, inst.next, way);
      if (ends) return finish(block, builder);
      eip = next;
      if (eip != head) continue;
      if (body == 0) body = builder.size();
      block.loop = true;
      if (++copies > options_.unroll || builder.size() + body > options_.max_instructions) break;
      seen.clear();
    }
    if (builder.size() == 0) return;
    if (eip != head) block.loop = false;
    builder.finish(eip);
    finish(block, builder);
  }

  void finish(Superblock& block, const translator::GuestRegionBuilder& builder) {
    block.instructions = builder.size();
    if (block.region.precise) block.region.in_order.assign(builder.size(), 1);
    out.push_back(std::move(block));
  }

  const Program& program_;
  const SuperblockOptions options_;
  const std::string program_name_;
};

}  // namespace

std::vector<Superblock> superblocks(const std::string& path, const SuperblockOptions& options) {
  const Program program(path);
  Finder finder(program, options, std::filesystem::path(path).filename().string());
  for (const Function& function : program.functions(options.source)) finder.add(function);
  return std::move(finder.out);
}

}  // namespace chrysalis::test
