#include "sim/linux/elf_loader.h"

#include <elf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include <fmt/format.h>

namespace chrysalis::sim::kernel {
namespace {

// Linux's own limit on the program header table.
constexpr size_t kMaxHeaderBytes = 65536;

// Linux takes it as well; <elf.h> has no name for it.
constexpr unsigned kEm486 = 6;

bool read_exactly(int fd, uint64_t offset, void* data, size_t size) {
  auto* to = static_cast<char*>(data);
  while (size > 0) {
    const ssize_t count = pread(fd, to, size, static_cast<off_t>(offset));
    if (count <= 0) return false;
    to += count;
    offset += static_cast<uint64_t>(count);
    size -= static_cast<size_t>(count);
  }
  return true;
}

ElfError not_executable(std::string reason) { return {ENOEXEC, std::move(reason)}; }

ElfError check_header(const Elf32_Ehdr& header) {
  if (header.e_ident[EI_CLASS] == ELFCLASS64) return not_executable("a 64-bit ELF file; only 32-bit (i386) programs run here");
  if (header.e_ident[EI_CLASS] != ELFCLASS32) return not_executable(fmt::format("a corrupt ELF file: class {}", header.e_ident[EI_CLASS]));
  if (header.e_ident[EI_DATA] != ELFDATA2LSB) return not_executable("a big-endian or corrupt ELF file; i386 is little-endian");
  if (header.e_machine != EM_386 && header.e_machine != kEm486)
    return not_executable(fmt::format("for another processor (ELF machine {}); only i386 programs run here", header.e_machine));
  if (header.e_type == ET_REL) return not_executable("an object file that has not been linked");
  if (header.e_type == ET_CORE) return not_executable("a core dump, not a program");
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return not_executable(fmt::format("a corrupt ELF file: type {}", header.e_type));
  if (header.e_phentsize != sizeof(Elf32_Phdr) || header.e_phnum == 0 ||
      header.e_phnum * sizeof(Elf32_Phdr) > kMaxHeaderBytes)
    return not_executable(fmt::format("a corrupt ELF file: {} program headers of {} bytes", header.e_phnum, header.e_phentsize));
  return {};
}

}  // namespace

ElfError read_elf(int host_fd, ElfImage* image) {
  struct stat status;
  if (fstat(host_fd, &status) != 0) return {errno, "unreadable"};
  if (S_ISDIR(status.st_mode)) return {EACCES, "a directory"};
  if (!S_ISREG(status.st_mode)) return {EACCES, "not a regular file"};
  const auto file_size = static_cast<uint64_t>(status.st_size);

  Elf32_Ehdr header{};
  const ssize_t got = pread(host_fd, &header, sizeof header, 0);
  if (got < 0) return {errno, "unreadable"};
  if (got < SELFMAG || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return not_executable(got == 0 ? "empty" : "not an ELF file");
  // The class tells a 64-bit file apart even if the rest is short.
  if (got < static_cast<ssize_t>(sizeof header) && header.e_ident[EI_CLASS] != ELFCLASS64)
    return not_executable(fmt::format("a truncated ELF file: {} bytes", got));
  if (const ElfError error = check_header(header); error.error != 0) return error;

  std::vector<Elf32_Phdr> headers(header.e_phnum);
  if (!read_exactly(host_fd, header.e_phoff, headers.data(), headers.size() * sizeof(Elf32_Phdr)))
    return not_executable("a truncated ELF file: its program headers lie beyond its end");

  *image = ElfImage{};
  image->position_independent = header.e_type == ET_DYN;
  image->entry = header.e_entry;
  image->program_header_count = header.e_phnum;
  bool entry_found = false;
  for (size_t i = 0; i < headers.size(); ++i) {
    const Elf32_Phdr& phdr = headers[i];
    const auto corrupt = [&](const char* what) {
      return not_executable(fmt::format("a corrupt ELF file: program header {} {}", i, what));
    };
    if (phdr.p_type == PT_GNU_STACK) image->stack = (phdr.p_flags & PF_X) != 0 ? ElfImage::Stack::Executable : ElfImage::Stack::Plain;
    if (phdr.p_type == PT_INTERP) {
      if (phdr.p_filesz < 2 || phdr.p_filesz > PATH_MAX) return corrupt("names no usable interpreter");
      std::string name(phdr.p_filesz, '\0');
      if (!read_exactly(host_fd, phdr.p_offset, name.data(), name.size()))
        return not_executable(fmt::format("a truncated ELF file: program header {} lies beyond its end", i));
      if (name.back() != '\0') return corrupt("names no usable interpreter");
      image->interpreter = name.c_str();
    }
    if (phdr.p_type != PT_LOAD || phdr.p_memsz == 0) continue;
    if (phdr.p_filesz > phdr.p_memsz) return corrupt("is larger in the file than in memory");
    if ((phdr.p_vaddr & kPageMask) != (phdr.p_offset & kPageMask)) return corrupt("is not aligned to pages");
    if (uint64_t{phdr.p_offset} + phdr.p_filesz > file_size)
      return not_executable(fmt::format("a truncated ELF file: it has {} bytes, program header {} needs {}", file_size, i,
                                        uint64_t{phdr.p_offset} + phdr.p_filesz));
    const uint64_t end = uint64_t{phdr.p_vaddr} + phdr.p_memsz;
    if (end > kMmapTop) return corrupt("lies outside the address space");
    if (!image->position_independent && phdr.p_vaddr < kMmapMin) return corrupt("lies below the lowest address (0x10000)");
    ElfSegment segment{phdr.p_vaddr, phdr.p_offset, phdr.p_filesz, phdr.p_memsz, 0};
    segment.prot = ((phdr.p_flags & PF_R) != 0 ? PROT_READ : 0) | ((phdr.p_flags & PF_W) != 0 ? PROT_WRITE : 0) |
                   ((phdr.p_flags & PF_X) != 0 ? PROT_EXEC : 0);
    if (!image->segments.empty() && segment.address < image->high)
      return corrupt("overlaps the one before or is out of order");
    if (image->segments.empty()) image->low = page_floor(segment.address);
    image->high = end;
    if (header.e_phoff >= segment.file_offset && header.e_phoff < uint64_t{segment.file_offset} + segment.file_size)
      image->program_headers = segment.address + (header.e_phoff - segment.file_offset);
    entry_found |= header.e_entry >= segment.address && header.e_entry < end;
    image->segments.push_back(segment);
  }
  if (image->segments.empty()) return not_executable("an ELF file with nothing to load");
  if (!entry_found && image->interpreter.empty())
    return not_executable(fmt::format("a corrupt ELF file: its entry point {:#x} lies in no segment", header.e_entry));
  return {};
}

int64_t load_elf(AddressSpace& space, const ElfImage& image, const std::shared_ptr<MemoryObject>& file, uint32_t bias,
                 const std::string& name) {
  for (const ElfSegment& segment : image.segments) {
    const uint32_t start = segment.address + bias;
    const uint32_t page = page_floor(start);
    const uint64_t file_end = uint64_t{start} + segment.file_size;
    const uint64_t end = uint64_t{start} + segment.memory_size;
    if (page_ceil(end) > kTaskSize || page < kMmapMin) return -ENOMEM;
    uint64_t mapped = page;
    if (segment.file_size != 0) {
      AddressSpace::MapRequest request;
      request.address = page;
      request.length = file_end - page;
      request.prot = segment.prot;
      request.flags = MAP_PRIVATE | MAP_FIXED;
      request.object = file;
      request.offset = page_floor(segment.file_offset);
      request.name = name;
      if (const int64_t result = space.map(request); result < 0) return result;
      mapped = page_ceil(file_end);
      // What the file holds behind the segment is not the program's; Linux clears it where it may write.
      if (segment.memory_size > segment.file_size && (segment.prot & PROT_WRITE) != 0 && file_end < mapped) {
        const std::vector<uint8_t> zeros(mapped - file_end);
        if (!space.write(static_cast<uint32_t>(file_end), zeros.data(), zeros.size())) return -ENOMEM;
      }
    }
    if (page_ceil(end) > mapped) {
      AddressSpace::MapRequest request;
      request.address = static_cast<uint32_t>(mapped);
      request.length = page_ceil(end) - mapped;
      request.prot = segment.prot;
      request.flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS;
      if (const int64_t result = space.map(request); result < 0) return result;
    }
  }
  return 0;
}

}  // namespace chrysalis::sim::kernel
