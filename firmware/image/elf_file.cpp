#include "firmware/image/elf_file.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "firmware/image/error.h"

namespace chrysalis::image {
namespace {

class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& path) : bytes_(bytes), path_(path) {}

  ElfFile run() {
    const auto header = at<Elf64_Ehdr>(0, "header");
    if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) fail("not an ELF file");
    if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_RISCV) {
      fail("not a 64-bit little-endian RISC-V file");
    }
    if (header.e_type != ET_EXEC) fail("not a static executable");
    if (header.e_flags & EF_RISCV_RVC) fail("contains compressed instructions; compile with -march=rv64im_zba_zbb");
    file_.entry = header.e_entry;
    for (unsigned i = 0; i < header.e_shnum; ++i) {
      headers_.push_back(at<Elf64_Shdr>(header.e_shoff + i * sizeof(Elf64_Shdr), "section header"));
    }
    if (header.e_shstrndx >= headers_.size()) fail("section names are missing");
    for (const Elf64_Shdr& section : headers_) file_.sections.push_back(read_section(section, headers_[header.e_shstrndx]));
    read_symbols();
    read_relocations();
    return std::move(file_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { throw ImageError(path_ + ": " + what); }

  template <class T>
  T at(uint64_t offset, const char* what) const {
    if (offset > bytes_.size() || bytes_.size() - offset < sizeof(T)) fail(std::string(what) + " lies outside the file");
    T value;
    std::memcpy(&value, bytes_.data() + offset, sizeof value);
    return value;
  }

  std::string text(const Elf64_Shdr& table, uint64_t offset) const {
    if (offset >= table.sh_size) fail("a name lies outside its table");
    std::string out;
    for (uint64_t i = table.sh_offset + offset;; ++i) {
      const char c = at<char>(i, "string table");
      if (c == 0) return out;
      out += c;
    }
  }

  ElfSection read_section(const Elf64_Shdr& header, const Elf64_Shdr& names) const {
    ElfSection section;
    section.name = text(names, header.sh_name);
    section.address = header.sh_addr;
    section.size = header.sh_size;
    section.allocated = header.sh_flags & SHF_ALLOC;
    section.executable = header.sh_flags & SHF_EXECINSTR;
    section.writable = header.sh_flags & SHF_WRITE;
    if (!section.allocated || header.sh_type == SHT_NOBITS) return section;
    if (header.sh_offset > bytes_.size() || header.sh_size > bytes_.size() - header.sh_offset) {
      fail("section " + section.name + " lies outside the file");
    }
    const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(header.sh_offset);
    section.bytes.assign(begin, begin + static_cast<std::ptrdiff_t>(header.sh_size));
    return section;
  }

  void read_symbols() {
    for (const Elf64_Shdr& table : headers_) {
      if (table.sh_type != SHT_SYMTAB) continue;
      if (table.sh_link >= headers_.size()) fail("the symbol table has no names");
      for (uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Sym); ++i) {
        const auto symbol = at<Elf64_Sym>(table.sh_offset + i * sizeof(Elf64_Sym), "symbol table");
        file_.symbols.push_back({text(headers_[table.sh_link], symbol.st_name), symbol.st_value, symbol.st_size,
                                 static_cast<uint8_t>(ELF64_ST_TYPE(symbol.st_info)), symbol.st_shndx});
      }
    }
    if (file_.symbols.empty()) fail("no symbol table");
  }

  void read_relocations() {
    bool any = false;
    for (const Elf64_Shdr& table : headers_) {
      if (table.sh_type != SHT_RELA || table.sh_info >= file_.sections.size()) continue;
      if (!file_.sections[table.sh_info].allocated) continue;
      any = true;
      for (uint64_t i = 0; i < table.sh_size / sizeof(Elf64_Rela); ++i) {
        const auto entry = at<Elf64_Rela>(table.sh_offset + i * sizeof(Elf64_Rela), "relocations");
        const uint64_t index = ELF64_R_SYM(entry.r_info);
        if (index >= file_.symbols.size()) fail("a relocation names no symbol");
        const ElfSymbol& symbol = file_.symbols[index];
        file_.relocations.push_back({entry.r_offset, static_cast<uint32_t>(ELF64_R_TYPE(entry.r_info)),
                                     symbol.address + static_cast<uint64_t>(entry.r_addend),
                                     index == 0 || symbol.section != SHN_UNDEF});
      }
    }
    if (!any) fail("no relocations; link with -Wl,--emit-relocs");
    std::stable_sort(file_.relocations.begin(), file_.relocations.end(),
                     [](const ElfRelocation& a, const ElfRelocation& b) { return a.address < b.address; });
  }

  std::span<const uint8_t> bytes_;
  const std::string& path_;
  ElfFile file_;
  std::vector<Elf64_Shdr> headers_;
};

}  // namespace

const ElfSection* ElfFile::code_section(uint64_t address) const {
  for (const ElfSection& section : sections) {
    if (section.allocated && section.executable && address >= section.address && address - section.address < section.size) {
      return &section;
    }
  }
  return nullptr;
}

uint64_t ElfFile::symbol(const std::string& name) const {
  for (const ElfSymbol& symbol : symbols) {
    if (symbol.section != SHN_UNDEF && symbol.name == name) return symbol.address;
  }
  throw ImageError("the firmware does not define " + name);
}

ElfFile parse_elf(std::span<const uint8_t> bytes, const std::string& path) { return Reader(bytes, path).run(); }

ElfFile read_elf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw ImageError(path + ": cannot be opened");
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse_elf(bytes, path);
}

}  // namespace chrysalis::image
