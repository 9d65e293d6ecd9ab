#include "isa-host/machine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "random.h"

namespace chrysalis::isa::test {
namespace {

std::string good_file() { return built_in_machines()[0].text; }

/// The good file with `from` replaced.
std::string changed(const std::string& from, const std::string& to) {
  std::string text = good_file();
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string problems(const std::string& text, const std::vector<MachineOverride>& overrides = {}) {
  try {
    parse_machine(text, "m.toml", overrides);
  } catch (const MachineError& error) {
    return error.what();
  }
  return "";
}

unsigned line_of(const std::string& text, const std::string& part) {
  return static_cast<unsigned>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(text.find(part)), '\n')) + 1;
}

TEST(Machine, BuiltInOnesLoad) {
  ASSERT_EQ(built_in_machines().size(), 3u);
  const MachineModel crusoe = load_machine("crusoe"), efficeon = load_machine("efficeon"), denver = load_machine("denver");
  EXPECT_EQ(crusoe.core.width, 4);
  EXPECT_EQ(efficeon.core.width, 8);
  EXPECT_EQ(denver.core.width, 7);
  EXPECT_EQ(crusoe.core.offset_addressing, 0);
  EXPECT_EQ(crusoe.memory_slots(), 1u);
  EXPECT_EQ(efficeon.memory_slots(), 2u);
  EXPECT_EQ(crusoe.l1i.sets(), 128u);
  EXPECT_NE(describe(denver).find("slot 6         branch control"), std::string::npos) << describe(denver);
}

TEST(Machine, EffectiveFileReadsBack) {
  for (const BuiltInMachine& machine : built_in_machines()) {
    const MachineModel model = load_machine(machine.name);
    const std::string text = to_toml(model);
    const MachineModel again = parse_machine(text, model.origin);
    EXPECT_EQ(to_toml(again), text);
    EXPECT_EQ(describe(again), describe(model));
  }
}

TEST(Machine, EveryParameterIsReadAndChecked) {
  for (const MachineParameter& row : machine_parameters()) {
    if (row.key == "name" || row.key == "summary" || row.key == "width" || row.key == "slots") continue;
    const std::string wrong = problems(good_file(), {{row.key, "\"text\"", "--set"}});
    EXPECT_EQ(wrong.rfind("--set: " + row.key + " is ", 0), 0u) << row.key << ": " << wrong;
    if (row.type == "integer") {
      const std::string beyond = problems(good_file(), {{row.key, "1000000", "--set"}});
      EXPECT_NE(beyond.find(row.key + " = 1000000 is out of range"), std::string::npos) << row.key << ": " << beyond;
      EXPECT_NE(problems(good_file(), {{row.key, "-1", "--set"}}).find("out of range"), std::string::npos) << row.key;
    }
    const std::string usual = row.default_value;
    const std::string text = to_toml(parse_machine(good_file(), "m.toml", {{row.key, usual, "--set"}, {"l1d.ways", "16", "--set"}, {"l2.ways", "4", "--set"}}));
    EXPECT_NE(text.find("\n" + row.key + " = " + usual + "\n"), std::string::npos) << row.key;
  }
}

TEST(Machine, UnknownKeyNamesLineAndSuggestion) {
  const std::string text = changed("mul = 4 ", "mull = 4 ");
  EXPECT_EQ(problems(text), "m.toml:" + std::to_string(line_of(text, "mull = 4")) + ": unknown key 'latency.mull'; did you mean 'latency.mul'?");
  EXPECT_NE(problems(good_file() + "\n[strore_buffer]\nentries = 4\n").find("did you mean 'store_buffer.entries'?"), std::string::npos);
}

TEST(Machine, WrongTypesAndSyntax) {
  EXPECT_NE(problems(changed("width = 4", "width = \"4\"")).find("width is an integer (2 to 8)"), std::string::npos);
  EXPECT_NE(problems(changed("width = 4", "width = 4.5")).find("width is an integer"), std::string::npos);
  EXPECT_NE(problems(changed("name = \"crusoe\"", "name = 3")).find("name is a string"), std::string::npos);
  EXPECT_NE(problems(changed("name = \"crusoe\"", "")).find("'name' is missing"), std::string::npos);
  const std::string text = changed("width = 4", "width == 4");
  EXPECT_EQ(problems(text).rfind("m.toml:" + std::to_string(line_of(text, "width == 4")) + ": ", 0), 0u) << problems(text);
  EXPECT_NE(problems("").find("'slots' is missing"), std::string::npos);
  EXPECT_NE(problems(good_file(), {{"width", "[", "--set machine.width"}}).find("--set machine.width: '[' is no TOML value"), std::string::npos);
}

TEST(Machine, CannotBeScheduledFor) {
  EXPECT_NE(problems(changed("[\"branch\", \"control\"]", "[\"control\"]")).find("no slot offers 'branch'"), std::string::npos);
  EXPECT_NE(problems(changed("\"load\", \"store\"", "\"load\"")).find("no slot offers 'store'"), std::string::npos);
  EXPECT_NE(problems(changed("[\"load\", \"store\", \"control\"]", "[\"load\", \"stroe\"]")).find("unknown unit 'stroe'; did you mean 'store'?"), std::string::npos);
  EXPECT_NE(problems(changed("width = 4", "width = 1")).find("out of range (2 to 8)"), std::string::npos);
  EXPECT_NE(problems(changed("width = 4", "width = 5")).find("there are 4 slots, but width = 5"), std::string::npos);
  EXPECT_NE(problems(changed("literal_slots = 1", "literal_slots = 4")).find("leaves no slot for an atom"), std::string::npos);
  EXPECT_NE(problems(changed("ways = 16", "ways = 3")).find("sets, a power of two"), std::string::npos);
  EXPECT_NE(problems(changed("miss_registers = 4", "miss_registers = 2"), {{"slots", "[[\"load\",\"store\",\"alu\"],[\"load\",\"store\",\"control\",\"mul\"],[\"fp\"],[\"branch\"]]", "x"}}).find("below two per slot"), std::string::npos);
  EXPECT_NE(problems(changed("entries = 64 ", "entries = 35 ")).find("store_buffer.entries = 35 is out of range"), std::string::npos);
  EXPECT_NE(problems(changed("entries = 256                # assumption: Klaiber", "entries = 300                # assumption: Klaiber")).find("jtb.entries = 300 is not 0 or a power of two"), std::string::npos);
}

TEST(Machine, AllProblemsAreToldAtOnce) {
  std::string text = changed("mul = 4 ", "mull = 4 ");
  text.replace(text.find("frequency_mhz = 700"), 19, "frequency_mhz = 0  ");
  const std::string all = problems(text);
  EXPECT_NE(all.find("mull"), std::string::npos);
  EXPECT_NE(all.find("frequency_mhz"), std::string::npos);
}

TEST(Machine, SwitchesFoldIntoTheDescription) {
  const MachineModel with = load_machine("efficeon");
  EXPECT_EQ(with.core.features, kFeatureAlias | kFeatureJtb | kFeatureReturnStack | kFeatureSampling | kFeatureOffset);
  const MachineModel without = load_machine("efficeon", {{"features.alias", "false", ""}, {"features.jtb", "false", ""}, {"features.return_stack", "false", ""}, {"features.sampling", "false", ""}});
  EXPECT_EQ(without.core.features, uint64_t{kFeatureOffset});
  EXPECT_EQ(without.core.alias_entries, 0);
  EXPECT_EQ(without.core.jtb_entries, 0);
  EXPECT_EQ(without.core.return_stack_entries, 0);
}

TEST(Machine, NamesAndPaths) {
  const auto error = [](const std::string& name) {
    try {
      load_machine(name);
    } catch (const MachineError& e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(error("cruso").find("did you mean 'crusoe'?"), std::string::npos);
  EXPECT_NE(error("./nowhere.toml").find("./nowhere.toml: cannot be read"), std::string::npos);
  EXPECT_NE(error("/").find("is a directory"), std::string::npos);
  const std::string path = ::testing::TempDir() + "machine_test.toml";
  std::ofstream(path) << changed("name = \"crusoe\"", "name = \"mine\"");
  EXPECT_EQ(load_machine(path).name, "mine");
  std::remove(path.c_str());
}

TEST(Machine, MutatedFilesNeverCrash) {
  Random random(31);
  unsigned accepted = 0;
  for (unsigned i = 0; i < 1000; ++i) {
    std::string text = built_in_machines()[random.below(3)].text;
    for (unsigned edits = 1 + static_cast<unsigned>(random.below(4)); edits != 0; --edits) {
      const std::size_t at = random.below(text.size());
      switch (random.below(4)) {
        case 0: text[at] = static_cast<char>(random.next()); break;
        case 1: text.erase(at, random.below(40)); break;
        case 2: text.insert(at, text.substr(random.below(text.size()), random.below(40))); break;
        default: text.resize(at + 1); break;
      }
    }
    accepted += problems(text).empty() ? 1 : 0;
  }
  EXPECT_LT(accepted, 1000u);
}

// The encodings of docs/host-isa.md, "Slots".
TEST(Machine, SlotMatchingIsGreedyInOrder) {
  const MachineDescription& crusoe = load_machine("crusoe").core;
  const auto matches = [&crusoe](std::initializer_list<Op> ops, unsigned literals = 0) {
    Molecule molecule;
    for (const Op op : ops) {
      Atom& atom = molecule.atoms[molecule.count++];
      atom.op = op;
      if (literals != 0) --literals, atom.mode = Mode::Long;
    }
    uint8_t slots[kMaxWords] = {};
    return match_slots(crusoe, molecule, slots);
  };
  EXPECT_TRUE(matches({Op::LdG32U, Op::Add32, Op::Add32, Op::BrCc}));
  EXPECT_TRUE(matches({Op::Add32, Op::FAdd80, Op::BrCc}));
  EXPECT_FALSE(matches({Op::Add32, Op::LdG32U})) << "the load's slot comes first";
  EXPECT_FALSE(matches({Op::Add32, Op::Add32, Op::Add32}));
  EXPECT_TRUE(matches({Op::Add32, Op::Commit, Op::Br}));
  EXPECT_TRUE(matches({Op::LdG32U, Op::Add32, Op::BrCc}, 1));
  EXPECT_FALSE(matches({Op::LdG32U, Op::Add32, Op::Add32, Op::BrCc}, 1)) << "the literal needs a slot";
  EXPECT_FALSE(matches({Op::Add32, Op::Add32}, 2)) << "one literal slot";
  EXPECT_TRUE(matches({Op::Nop, Op::Nop, Op::Nop, Op::Nop}));
}

TEST(Machine, RegisterOnlyAddressing) {
  const MachineDescription& crusoe = load_machine("crusoe").core;
  Atom load;
  load.op = Op::LdC64;
  load.mode = Mode::Short;
  EXPECT_TRUE(supports(crusoe, load));
  load.imm = 8;
  EXPECT_FALSE(supports(crusoe, load));
  EXPECT_TRUE(supports(load_machine("denver").core, load));
  load.mode = Mode::Register;
  EXPECT_FALSE(supports(crusoe, load));
}

}  // namespace
}  // namespace chrysalis::isa::test
