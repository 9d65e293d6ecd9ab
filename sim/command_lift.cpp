// `chrysalis lift`: what x86 machine code means, as the IR that the lifter makes of it.
#include <cstdio>
#include <memory>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "sim/commands.h"
#include "sim/error.h"
#include "translator/ir/text.h"
#include "x86-frontend/lift.h"

namespace chrysalis::sim {
namespace {

struct Options {
  std::vector<std::string> bytes;
  uint32_t address = 0x0804'8000;
};

/// Pairs of hexadecimal digits, however they are spaced.
std::vector<uint8_t> parse_bytes(const std::vector<std::string>& words) {
  std::string digits;
  for (const std::string& word : words)
    for (const char c : word)
      if (std::isspace(static_cast<unsigned char>(c)) == 0) digits += c;
  const size_t wrong = digits.find_first_not_of("0123456789abcdefABCDEF");
  if (wrong != std::string::npos) throw UserError(fmt::format("BYTES: '{}' is no hexadecimal digit", digits[wrong]));
  if (digits.size() % 2 != 0) throw UserError(fmt::format("BYTES: {} hexadecimal digits are no whole number of bytes", digits.size()));
  std::vector<uint8_t> bytes;
  for (size_t i = 0; i < digits.size(); i += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  return bytes;
}

x86::DecodedInst decode_at(std::span<const uint8_t> rest, uint32_t address) {
  x86::DecodedInst inst;
  switch (x86::decode(rest, inst)) {
    case x86::DecodeStatus::Ok: return inst;
    case x86::DecodeStatus::NeedMoreBytes: throw UserError(fmt::format("{:#x}: the bytes end within an instruction", address));
    case x86::DecodeStatus::TooLong: throw UserError(fmt::format("{:#x}: longer than {} bytes: #GP(0)", address, x86::kMaxInstructionLength));
    case x86::DecodeStatus::Undefined: break;
  }
  throw UserError(fmt::format("{:#x}: undefined: #UD", address));
}

/// One line per instruction, numbered as in the IR that follows: straight on, each as if the one before fell through.
int lift(const Options& options) {
  const std::vector<uint8_t> bytes = parse_bytes(options.bytes);
  ir::Code code;
  uint16_t guest = 0;
  for (size_t at = 0; at < bytes.size(); ++guest) {
    const uint32_t eip = options.address + static_cast<uint32_t>(at);
    const x86::DecodedInst inst = decode_at(std::span(bytes).subspan(at), eip);
    const size_t first = code.insts.size();
    const x86::LiftStatus status = x86::lift(inst, eip, {}, code);
    for (size_t i = first; i < code.insts.size(); ++i) code.insts[i].guest = guest;
    fmt::print("; {}: {:08x}  {:<30}  {}{}\n", guest, eip,
               fmt::format("{:02x}", fmt::join(bytes.data() + at, bytes.data() + at + inst.length, " ")),
               x86::mnemonic_name(inst.mnemonic), status == x86::LiftStatus::Unsupported ? "  (unsupported)" : "");
    at += inst.length;
  }
  fmt::print("{}", ir::text(code));
  return 0;
}

}  // namespace

Command add_lift_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("lift", "show the IR of x86 instructions: chrysalis lift '01 44 b3 08'");
  auto options = std::make_shared<Options>();
  command->add_option("BYTES", options->bytes, "machine code in hexadecimal")->required();
  command->add_option("--address", options->address, "of the first byte (default 0x8048000)")->type_name("ADDRESS");
  return {command, [options] { return lift(*options); }};
}

}  // namespace chrysalis::sim
