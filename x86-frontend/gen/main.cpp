// Generates the decoder's tables and the list of mnemonics from Zydis.
//
// Usage: chrysalis_x86_decoder_gen DIRECTORY
// Writes mnemonics.h, mnemonic_names.inc and decoder_tables.inc there; equal input gives equal bytes.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "x86-frontend/gen/tree.h"

namespace chrysalis::x86::gen {
namespace {

using table::Entry;
using table::Source;
using table::SpecialByte;
using table::Test;

constexpr unsigned kMaps = 4;

/// Prefixes and escapes: bytes that are no opcodes.
std::optional<unsigned> special_byte(unsigned map, unsigned byte) {
  auto at = [](SpecialByte s, SegmentRegister segment = SegmentRegister::Es) {
    return static_cast<unsigned>(s) + static_cast<unsigned>(segment);
  };
  if (map == 1 && byte == 0x38) return at(SpecialByte::Map2);
  if (map == 1 && byte == 0x3a) return at(SpecialByte::Map3);
  if (map != 0) return std::nullopt;
  switch (byte) {
    case 0x26: return at(SpecialByte::Segment, SegmentRegister::Es);
    case 0x2e: return at(SpecialByte::Segment, SegmentRegister::Cs);
    case 0x36: return at(SpecialByte::Segment, SegmentRegister::Ss);
    case 0x3e: return at(SpecialByte::Segment, SegmentRegister::Ds);
    case 0x64: return at(SpecialByte::Segment, SegmentRegister::Fs);
    case 0x65: return at(SpecialByte::Segment, SegmentRegister::Gs);
    case 0x66: return at(SpecialByte::OperandSize);
    case 0x67: return at(SpecialByte::AddressSize);
    case 0xf0: return at(SpecialByte::Lock);
    case 0xf2: return at(SpecialByte::RepeatF2);
    case 0xf3: return at(SpecialByte::RepeatF3);
    case 0x0f: return at(SpecialByte::Map1);
    default: return std::nullopt;
  }
}

/// The tables under construction. Equal rows are stored once.
class Tables {
 public:
  explicit Tables(const std::vector<std::vector<Tree>>& maps) {
    for (const auto& trees : maps) {
      for (const Tree& tree : trees) collect_mnemonics(tree);
    }
    unsigned number = 1;
    for (auto& [enumerator, mnemonic] : mnemonics_) mnemonic.number = number++;
    std::set<int> widths{0};
    for (const auto& trees : maps) {
      for (const Tree& tree : trees) collect_widths(tree, widths);
    }
    if (widths.size() > 16) fail("more than 16 operand widths");
    widths_.assign(widths.begin(), widths.end());
    // A map without a single instruction takes no table: its escape byte is undefined.
    for (unsigned map = 0; map < kMaps; map++) {
      bool used = std::any_of(maps[map].begin(), maps[map].end(), [](const Tree& t) { return !t.model || !t.model->undefined; });
      used_maps_.push_back(used);
    }
    for (unsigned map = 0; map < kMaps; map++) {
      for (unsigned byte = 0; used_maps_[map] && byte < 256; byte++) roots_.push_back(root(maps[map][byte], map, byte));
    }
  }

  void write_mnemonics(std::ostream& header, std::ostream& names) const {
    header << "// Generated from Zydis by x86-frontend/gen.\n#pragma once\n\n#include <cstdint>\n\nnamespace chrysalis::x86 {\n\n"
              "/// Instruction names as Zydis spells them, capitalised.\nenum class Mnemonic : uint16_t {\n  Invalid,\n";
    names << "// Generated from Zydis by x86-frontend/gen.\n\"(invalid)\",\n";
    for (const auto& [enumerator, mnemonic] : mnemonics_) {
      header << "  " << enumerator << ",\n";
      names << '"' << mnemonic.name << "\",\n";
    }
    header << "};\ninline constexpr unsigned kMnemonicCount = " << mnemonics_.size() + 1
           << ";\n\n/// The name in lower case, as in Intel's syntax.\nconst char* mnemonic_name(Mnemonic mnemonic);\n\n"
              "}  // namespace chrysalis::x86\n";
  }

  void write_tables(std::ostream& out) const {
    out << "// Generated from Zydis by x86-frontend/gen; the form is that of x86-frontend/table_format.h.\n";
    rows(out, "uint16_t kWidths", widths_, [&](int w) { out << w; });
    rows(out, "OperandSpec kOperands", specs_, [&](const OperandModel& o) {
      out << '{' << (static_cast<int>(o.source) << 4 | o.reg_class.value_or(0)) << ", " << o.fixed.value_or(0) << ", "
          << width_pair(o.width) << ", " << width_pair(o.memory_width) << '}';
    });
    rows(out, "uint8_t kOperandLists", lists_, [&](const std::array<unsigned, 4>& list) {
      out << '{' << list[0] << ", " << list[1] << ", " << list[2] << ", " << list[3] << '}';
    }, "[4]");
    rows(out, "Form kForms", forms_, [&](const FormRow& f) {
      out << '{' << f.mnemonic << ", " << f.operands << ", " << f.flags() << '}';
    });
    rows(out, "Entry kNodes", nodes_, [&](Entry e) { out << e; });
    unsigned base = 0;
    out << "constexpr uint16_t kMapRoots[] = {";
    for (bool used : used_maps_) {
      out << (used ? base : 0) << ", ";
      base += used ? 256 : 0;
    }
    out << "};\n";
    rows(out, "Entry kRoots", roots_, [&](Entry e) { out << e; });
  }

  std::string summary() const {
    std::ostringstream s;
    s << mnemonics_.size() << " mnemonics, " << forms_.size() << " forms, " << specs_.size() << " operands in " << lists_.size()
      << " lists, " << nodes_.size() << " nodes: "
      << 2 * widths_.size() + 4 * specs_.size() + 4 * lists_.size() + 4 * forms_.size() + 2 * nodes_.size() + 2 * roots_.size()
      << " bytes";
    return s.str();
  }

 private:
  struct MnemonicRow {
    std::string name;
    unsigned number = 0;
  };
  struct FormRow {
    unsigned mnemonic, operands;
    bool has_modrm;
    int repeat;
    Known modrm_is_register, lockable, operand_width[2];

    table::WidthRule width_rule() const {
      auto is = [&](int with32, int with16) {
        return operand_width[0].value_or(with32) == with32 && operand_width[1].value_or(with16) == with16;
      };
      if (is(32, 16)) return table::WidthRule::Effective;
      if (is(8, 8)) return table::WidthRule::Always8;
      if (is(32, 32)) return table::WidthRule::Always32;
      if (is(16, 16)) return table::WidthRule::Always16;
      fail("no rule for an operand width");
    }
    unsigned flags() const {
      unsigned flags = static_cast<unsigned>(repeat) | static_cast<unsigned>(width_rule()) << table::kWidthShift;
      if (has_modrm) flags |= table::kHasModrm;
      if (modrm_is_register.value_or(0)) flags |= table::kModrmIsRegister;
      if (lockable.value_or(0)) flags |= table::kLockable;
      return flags;
    }
    bool operator==(const FormRow&) const = default;
  };

  void collect_mnemonics(const Tree& tree) {
    if (tree.model && !tree.model->undefined) mnemonics_[tree.model->mnemonic].name = tree.model->name;
    for (const Tree& child : tree.children) collect_mnemonics(child);
  }

  static void collect_widths(const Tree& tree, std::set<int>& widths) {
    if (tree.model) {
      for (const OperandModel& o : tree.model->operands) {
        for (const Known& w : {o.width[0], o.width[1], o.memory_width[0], o.memory_width[1]}) {
          if (w) widths.insert(*w);
        }
      }
    }
    for (const Tree& child : tree.children) collect_widths(child, widths);
  }

  Entry root(const Tree& tree, unsigned map, unsigned byte) {
    std::optional<unsigned> special = special_byte(map, byte);
    if (!special) return entry(tree);
    if (*special == static_cast<unsigned>(SpecialByte::Map2) && !used_maps_[2]) special = 0;
    if (*special == static_cast<unsigned>(SpecialByte::Map3) && !used_maps_[3]) special = 0;
    return table::make_entry(Test::Special, *special);
  }

  Entry entry(const Tree& tree) {
    if (!tree.model) {
      std::vector<Entry> children;
      for (const Tree& child : tree.children) children.push_back(entry(child));
      auto found = std::search(nodes_.begin(), nodes_.end(), children.begin(), children.end());
      unsigned at = static_cast<unsigned>(found - nodes_.begin());
      if (found == nodes_.end()) nodes_.insert(nodes_.end(), children.begin(), children.end());
      return checked_entry(tree.test, at);
    }
    if (tree.model->undefined) return table::make_entry(Test::Special, static_cast<unsigned>(SpecialByte::Undefined));
    return checked_entry(Test::Form, form(*tree.model));
  }

  static Entry checked_entry(Test test, unsigned payload) {
    if (payload >> table::kPayloadBits) fail("the tables outgrow their payload field");
    return table::make_entry(test, payload);
  }

  unsigned form(const Model& m) {
    std::array<unsigned, 4> list;
    list.fill(table::kNoOperand);
    for (size_t i = 0; i < m.operands.size(); i++) list[i] = spec(m.operands[i]);
    FormRow row{.mnemonic = mnemonics_.at(m.mnemonic).number, .operands = add(lists_, list), .has_modrm = m.has_modrm, .repeat = m.repeat,
                .modrm_is_register = m.modrm_is_register, .lockable = m.lockable,
                .operand_width = {m.operand_width[0], m.operand_width[1]}};
    unsigned index = add(forms_, row);
    if (lists_.size() > 256) fail("more than 256 operand lists");
    return index;
  }

  /// What a specification leaves open may be filled in by another: one row serves both.
  unsigned spec(const OperandModel& o) {
    for (unsigned i = 0; i < specs_.size(); i++) {
      if (std::optional<OperandModel> both = unite(specs_[i], o)) {
        specs_[i] = *both;
        return i;
      }
    }
    specs_.push_back(o);
    if (specs_.size() > table::kNoOperand) fail("more than 255 operand specifications");
    return static_cast<unsigned>(specs_.size() - 1);
  }

  template <typename T>
  static unsigned add(std::vector<T>& rows, const T& row) {
    auto found = std::find(rows.begin(), rows.end(), row);
    unsigned index = static_cast<unsigned>(found - rows.begin());
    if (found == rows.end()) rows.push_back(row);
    return index;
  }

  unsigned width_pair(const Known (&width)[2]) const {
    auto code = [&](const Known& w) { return std::find(widths_.begin(), widths_.end(), w.value_or(0)) - widths_.begin(); };
    return static_cast<unsigned>(code(width[0]) | code(width[1]) << 4);
  }

  template <typename T, typename Print>
  static void rows(std::ostream& out, const char* type_and_name, const std::vector<T>& rows, Print print, const char* suffix = "") {
    out << "constexpr " << type_and_name << '[' << rows.size() << ']' << suffix << " = {";
    for (size_t i = 0; i < rows.size(); i++) {
      out << (i % 16 == 0 ? "\n  " : " ");
      print(rows[i]);
      out << ',';
    }
    out << "\n};\n";
  }

  std::map<std::string, MnemonicRow> mnemonics_;
  std::vector<int> widths_;
  std::vector<OperandModel> specs_;
  std::vector<std::array<unsigned, 4>> lists_;
  std::vector<FormRow> forms_;
  std::vector<Entry> nodes_;
  std::vector<bool> used_maps_;
  std::vector<Entry> roots_;
};

void generate(const std::string& directory) {
  Reference reference;
  std::vector<std::vector<Tree>> maps(kMaps);
  for (unsigned map = 0; map < kMaps; map++) {
    for (unsigned byte = 0; byte < 256; byte++) {
      Tree undefined;
      undefined.model = Model{};
      maps[map].push_back(special_byte(map, byte) ? undefined : build_tree(reference, map, byte));
    }
  }
  Tables tables(maps);
  std::ofstream mnemonics(directory + "/mnemonics.h"), names(directory + "/mnemonic_names.inc"), out(directory + "/decoder_tables.inc");
  tables.write_mnemonics(mnemonics, names);
  tables.write_tables(out);
  mnemonics.flush();
  names.flush();
  out.flush();
  if (!mnemonics || !names || !out) fail("cannot write to " + directory);
  std::printf("x86 decoder: %s\n", tables.summary().c_str());
}

}  // namespace
}  // namespace chrysalis::x86::gen

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  chrysalis::x86::gen::generate(argv[1]);
}
