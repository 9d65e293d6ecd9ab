// The published examples, as files that a reader can check: x86 in, molecules out. tests/translator/golden/examples/README.md says
// how they are written. CHRYSALIS_BLESS=1 rewrites what they expect.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "isa-host/machine.h"
#include "translator/check/check.h"
#include "translator/checkpoints.h"
#include "translator/guest_region.h"
#include "translator/ir/text.h"
#include "x86-frontend/decoded.h"
#include "x86-frontend/lift.h"

namespace chrysalis::test {
namespace {

constexpr const char* kFolder = CHRYSALIS_EXAMPLES;
constexpr const char* kExpected = "expected";  // the line behind which a file says what comes out
constexpr uint32_t kCode = 0x1000;
constexpr uint64_t kContext = 0x7000'1000;

using translator::GuestRegionBuilder;

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, text.find_last_not_of(' ') - first + 1);
}

/// An example: `name | bytes | instruction | way` per line, and commands.
class Example {
 public:
  explicit Example(const std::string& path) : path_(path) {
    std::ifstream in(path);
    std::string line;
    bool output = false;
    while (std::getline(in, line)) {
      if (line == kExpected) output = true;
      else if (output) expected += line + "\n";
      input_ += output ? "" : line + "\n";
      if (output || line.empty() || line[0] == '#') continue;
      std::vector<std::string> cells;
      std::istringstream words(line);
      for (std::string cell; std::getline(words, cell, '|');) cells.push_back(trimmed(cell));
      if (cells.size() >= 3) add(cells);
      else command(line);
    }
  }

  std::string run() {
    form();
    std::string out;
    for (const std::string& order : orders_) out += check_order(order);
    if (!machine_.empty()) out += compile();
    return out;
  }

  void bless(const std::string& found) const { std::ofstream(path_) << input_ << kExpected << "\n" << found; }

  std::string expected;

 private:
  struct Instruction {
    std::string name, text, way;
    std::vector<uint8_t> bytes;
  };

  void add(const std::vector<std::string>& cells) {
    Instruction& to = instructions_.emplace_back();
    to.name = cells[0];
    to.text = cells[2];
    to.way = cells.size() > 3 ? cells[3] : "";
    std::istringstream bytes(cells[1]);
    for (std::string byte; bytes >> byte;) to.bytes.push_back(static_cast<uint8_t>(std::stoul(byte, nullptr, 16)));
  }

  void command(const std::string& line) {
    std::istringstream words(line);
    std::string word;
    words >> word;
    std::string rest;
    std::getline(words, rest);
    if (word == "compile") machine_ = trimmed(rest);
    else if (word == "order") orders_.push_back(trimmed(rest));
    else if (word == "precise") precise_ = true;
    else if (word == "stores") most_stores_ = static_cast<unsigned>(std::stoul(rest));
    else throw std::runtime_error(path_ + ": unknown command " + word);
  }

  /// The region: each instruction follows the one before in memory, unless control has been followed.
  void form() {
    GuestRegionBuilder::Commits commits;
    commits.record_rmaps = true;
    commits.before_faults = precise_;
    commits.most_stores = most_stores_;
    GuestRegionBuilder builder(region_, kContext, commits);
    builder.begin(kCode);
    uint32_t eip = kCode;
    unsigned fallen = 0, taken = 0;  // instructions of the arms still to come
    bool ended = false;
    for (const Instruction& instruction : instructions_) {
      x86::DecodedInst decoded;
      ASSERT_EQ(x86::decode(instruction.bytes, decoded), x86::DecodeStatus::Ok) << path_ << ": " << instruction.text;
      ASSERT_EQ(decoded.length, instruction.bytes.size()) << path_ << ": " << instruction.text;
      ir::Code code;
      x86::lift(decoded, eip, {}, code);
      const uint32_t next = eip + decoded.length;
      const ir::Inst last = code.insts.empty() ? ir::Inst{} : code.insts.back();
      const bool leaves = last.op == ir::Op::Exit || last.op == ir::Op::ExitIf;
      names_.push_back(instruction.name);
      if (instruction.way.rfind("arms", 0) == 0) {
        std::istringstream(instruction.way.substr(4)) >> fallen >> taken;
        builder.begin_arms(code, eip);
        eip = next;
        continue;
      }
      GuestRegionBuilder::Way way = GuestRegionBuilder::Way::Falls;
      if (instruction.way == "taken") way = GuestRegionBuilder::Way::Taken;
      if (instruction.way == "ends") way = GuestRegionBuilder::Way::Ends;
      builder.append(code, eip, next, way);
      const bool in_arm = fallen != 0 || taken != 0;
      eip = way == GuestRegionBuilder::Way::Taken && leaves && !in_arm ? static_cast<uint32_t>(last.imm) : next;
      ended = way == GuestRegionBuilder::Way::Ends;
      if (in_arm) {
        unsigned& arm = fallen != 0 ? fallen : taken;
        if (--arm == 0 && &arm == &fallen) builder.next_arm();
        if (fallen == 0 && taken == 0) builder.end_arms();
      }
    }
    if (!ended) builder.finish(eip);
  }

  std::string check_order(const std::string& line) {
    const translator::Trace trace = translator::trace_of(region_, names_);
    std::vector<int> order;
    std::istringstream words(line);
    for (std::string word; words >> word;) {
      order.push_back(static_cast<int>(std::find(names_.begin(), names_.end(), word) - names_.begin()));
    }
    if (order.size() != names_.size()) throw std::runtime_error(path_ + ": an order names each instruction once");
    const std::vector<std::string> problems = translator::violations(trace, order);
    std::string out = line + ": " + (problems.empty() ? "accepted\n" : "refused\n");
    for (const std::string& problem : problems) out += "  " + problem + "\n";
    return problems.empty() ? out + translator::text(trace, order) : out;
  }

  std::string compile() {
    isa::MachineModel machine = isa::load_machine(machine_);
    if (most_stores_ != ~0u) machine.core.store_buffer_entries = static_cast<uint16_t>(most_stores_);
    if (precise_) region_.in_order.assign(names_.size(), 1);
    translator::CompiledRegion compiled;
    translator::Region region = region_;
    translator::compile(region, machine.core, {}, compiled);
    const auto findings = translator::checking::check(region, machine.core, compiled);
    EXPECT_TRUE(findings.empty()) << translator::checking::report(findings, compiled);
    // What only ends the region is not the example's.
    unsigned working = 0;
    for (uint32_t m = 0; m < compiled.main_molecules; ++m) {
      bool works = false;
      for (uint32_t a = compiled.molecules[m].first; a < compiled.molecules[m].first + compiled.molecules[m].count; ++a) {
        works |= !isa::info(compiled.atoms[a].op).has(isa::kCommit) && compiled.atoms[a].op != isa::Op::Br;
      }
      working += works;
    }
    return "molecules: " + std::to_string(compiled.main_molecules) + ", with atoms of the instructions: " + std::to_string(working) + "\n" +
           translator::checking::listing(compiled);
  }

  const std::string path_;
  std::string input_, machine_;
  bool precise_ = false;
  unsigned most_stores_ = ~0u;
  std::vector<std::string> orders_, names_;
  std::vector<Instruction> instructions_;
  translator::Region region_;
};

std::vector<std::string> files() {
  std::vector<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".txt") out.push_back(entry.path().filename().string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

class Examples : public testing::TestWithParam<std::string> {};

TEST_P(Examples, AreAsExpected) {
  Example example(std::string(kFolder) + "/" + GetParam());
  const std::string found = example.run();
  if (std::getenv("CHRYSALIS_BLESS") != nullptr) return example.bless(found);
  EXPECT_EQ(found, example.expected);
}

INSTANTIATE_TEST_SUITE_P(Published, Examples, testing::ValuesIn(files()), [](const auto& info) {
  std::string name = info.param.substr(0, info.param.find('.'));
  std::replace_if(name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
});

}  // namespace
}  // namespace chrysalis::test
