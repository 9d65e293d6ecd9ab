// chrysalis-image-builder: the image builder as a command, for the build.
#include <cstdio>
#include <cstring>
#include <string>

#include "firmware/image/builder.h"
#include "firmware/image/error.h"
#include "isa-host/assembler.h"
#include "isa-host/machine.h"

namespace {

constexpr const char* kUsage =
    "usage: chrysalis-image-builder [--map] [--disassemble NAME] [--profile FILE] --machine NAME|FILE ELF IMAGE\n"
    "  Compiles a firmware program (RISC-V ELF with relocations) for the machine and writes its image.\n"
    "  --map: print functions by address\n"
    "  --disassemble: print the molecules of the functions whose linker name contains NAME\n"
    "  --profile: how often the program's blocks ran (firmware/image/profile.h)\n";

void print_map(const chrysalis::image::Image& image) {
  for (const auto& range : image.ranges) {
    const auto& function = image.functions[range.function];
    std::printf("%llx %6llu %-12s %s\n", static_cast<unsigned long long>(range.begin),
                static_cast<unsigned long long>(range.end - range.begin), name(function.mode), function.name.c_str());
  }
}

void print_molecules(const chrysalis::image::Image& image, const std::string& wanted) {
  for (const auto& range : image.ranges) {
    const std::string& name = image.functions[range.function].name;
    if (name.find(wanted) == std::string::npos) continue;
    for (const auto& segment : image.segments) {
      if (range.begin < segment.address || range.end > segment.address + segment.bytes.size()) continue;
      std::printf("%s:\n%s", name.c_str(),
                  chrysalis::isa::disassemble_bytes(segment.bytes.data() + (range.begin - segment.address),
                                                    range.end - range.begin, range.begin).c_str());
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::string machine, profile_path, disassembled, paths[2];
  chrysalis::image::BuildOptions options;
  unsigned count = 0;
  bool map = false;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--machine") == 0 && i + 1 < argc) machine = argv[++i];
    else if (std::strcmp(argv[i], "--disassemble") == 0 && i + 1 < argc) disassembled = argv[++i];
    else if (std::strcmp(argv[i], "--profile") == 0 && i + 1 < argc) profile_path = argv[++i];
    else if (std::strcmp(argv[i], "--map") == 0) map = true;
    else if (argv[i][0] != '-' && count < 2) paths[count++] = argv[i];
    else count = 3;
  }
  if (count != 2 || machine.empty()) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    const chrysalis::isa::MachineModel model = chrysalis::isa::load_machine(machine);
    chrysalis::image::Profile profile;
    if (!profile_path.empty()) {
      profile = chrysalis::image::Profile::read(profile_path);
      options.profile = &profile;
    }
    const chrysalis::image::Image image = chrysalis::image::build_image(chrysalis::image::read_elf(paths[0]), model.core, options);
    chrysalis::image::write_image(image, paths[1]);
    const auto& s = image.statistics;
    std::printf("%s: %llu instructions, %llu regions, %llu molecules, %llu atoms, %llu bytes, %llu spilled\n", machine.c_str(),
                static_cast<unsigned long long>(s.riscv_instructions), static_cast<unsigned long long>(s.regions),
                static_cast<unsigned long long>(s.molecules), static_cast<unsigned long long>(s.atoms),
                static_cast<unsigned long long>(s.code_bytes), static_cast<unsigned long long>(s.spilled));
    if (map) print_map(image);
    if (!disassembled.empty()) print_molecules(image, disassembled);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "chrysalis-image-builder: %s\n", error.what());
    return 1;
  }
}
