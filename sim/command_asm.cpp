// `chrysalis asm` and `chrysalis disasm`: host assembly to bytes and back.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "isa-host/assembler.h"
#include "sim/commands.h"
#include "sim/error.h"
#include "sim/run_options.h"

namespace chrysalis::sim {
namespace {

struct Options {
  std::string input, output;
  uint64_t base = 0;
};

std::string read_input(const std::string& path) {
  if (std::filesystem::is_directory(path)) throw UserError(fmt::format("{}: is a directory; name a file, or - for standard input", path));
  std::ifstream file;
  if (path != "-") {
    file.open(path, std::ios::binary);
    if (!file) throw UserError(fmt::format("{}: cannot be read", path));
  }
  std::istream& in = path == "-" ? std::cin : file;
  return {std::istreambuf_iterator<char>(in), {}};
}

void deliver(const std::string& path, const std::string& bytes) {
  if (path.empty() || path == "-") {
    std::fwrite(bytes.data(), 1, bytes.size(), stdout);
  } else {
    write_text(path, bytes);
  }
}

void check_base(uint64_t base) {
  if (base % 4 != 0) throw UserError(fmt::format("--base {:#x}: molecules lie at multiples of 4", base));
}

int assemble_file(const Options& options) {
  check_base(options.base);
  const isa::Assembly assembly = isa::assemble(read_input(options.input), options.base);
  if (!assembly.ok()) throw UserError(assembly.error_text(options.input));
  deliver(options.output, std::string(assembly.bytes.begin(), assembly.bytes.end()));
  return 0;
}

int disassemble_file(const Options& options) {
  check_base(options.base);
  const std::string bytes = read_input(options.input);
  if (bytes.size() % 4 != 0)
    throw UserError(fmt::format("{}: {} bytes are no whole number of 4-byte words", options.input, bytes.size()));
  deliver(options.output, isa::disassemble_bytes(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), options.base));
  return 0;
}

Command add(CLI::App& app, const char* name, const char* help, int (*run)(const Options&)) {
  CLI::App* command = app.add_subcommand(name, help);
  auto options = std::make_shared<Options>();
  command->add_option("FILE", options->input, "input; - for standard input")->required();
  command->add_option("-o,--output", options->output, "output (default: standard output)")->type_name("FILE");
  command->add_option("--base", options->base, "address of the first byte (default 0)")->type_name("ADDRESS");
  return {command, [options, run] { return run(*options); }};
}

}  // namespace

Command add_asm_command(CLI::App& app) {
  return add(app, "asm", "assemble host code to bytes (syntax: docs/host-isa.md)", assemble_file);
}

Command add_disasm_command(CLI::App& app) { return add(app, "disasm", "disassemble bytes of host code", disassemble_file); }

}  // namespace chrysalis::sim
