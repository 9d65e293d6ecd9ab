#include "translator/region_text.h"

#include <algorithm>

#include "isa-host/registers.h"
#include "isa-host/suggest.h"
#include "translator/ir/text.h"
#include "translator/order.h"

namespace chrysalis::translator {
namespace {

using ir::kNoValue;
using ir::NamedValue;
using ir::ValueId;

constexpr unsigned kNamedRegisters = 10;  // r0..r9, named like ir::GuestReg
static_assert(isa::kGuestGpr == 0 && isa::kGuestEip == static_cast<unsigned>(ir::GuestReg::Eip) &&
              isa::kGuestFlags == static_cast<unsigned>(ir::GuestReg::Flags));

std::string hex(uint32_t number) {
  char buffer[12];
  std::snprintf(buffer, sizeof buffer, "0x%x", number);
  return buffer;
}

std::string number_of(unsigned value) { return std::to_string(value); }

std::string register_name(uint8_t reg, bool guest) {
  return guest && reg < kNamedRegisters ? ir::name(static_cast<ir::GuestReg>(reg)) : "r" + number_of(reg);
}

/// Parts of a list, with commas between them.
class List {
 public:
  void add(const std::string& part) {
    if (!text_.empty()) text_ += ", ";
    text_ += part;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

std::string register_list(uint64_t registers) {
  List list;
  for (unsigned first = 0; first < 64; ++first) {
    if (!(registers >> first & 1)) continue;
    unsigned last = first;
    while (last < 63 && (registers >> (last + 1) & 1)) ++last;
    list.add("r" + number_of(first) + (last == first ? "" : "-r" + number_of(last)));
    first = last;
  }
  return list.text();
}

class Writer {
 public:
  explicit Writer(const Region& region) : region_(region), flags_(region.code) {}

  /// `word`: what it begins with.
  std::string run(const std::string& word) {
    head(word);
    uint16_t guest = 0;
    size_t point = 0;
    for (const ir::Inst& inst : region_.code.insts) {
      if (inst.guest != guest || &inst == region_.code.insts.data()) text_ += "guest " + number_of(guest = inst.guest) + "\n";
      text_ += "  " + ir::text(inst, flags_.span());
      if (ir::is_known(inst) && is_point(inst) && point < region_.maps.size()) map(point++);
      text_ += "\n";
    }
    return std::move(text_);
  }

 private:
  std::string value(ValueId value) const {
    if (value == kNoValue) return "-";
    const std::span<const bool> flags = flags_.span();
    return (value < flags.size() && flags[value] ? "f" : "v") + number_of(value);
  }

  std::string bindings(std::span<const Binding> list) const {
    List out;
    for (const Binding& binding : list) out.add(register_name(binding.reg, region_.eip != Region::kNoAddress) + "=" + value(binding.value));
    return out.text();
  }

  void head(const std::string& word) {
    List words;
    if (region_.eip != Region::kNoAddress) words.add("@" + hex(region_.eip));
    if (region_.next_eip != Region::kNoAddress) words.add("next @" + hex(region_.next_eip));
    if (region_.committed != 0) words.add("committed " + number_of(region_.committed));
    if (region_.skipped != 0) words.add("skipped " + number_of(region_.skipped));
    if (region_.faults_roll_back) words.add("faults_roll_back");
    if (region_.precise) words.add("precise");
    text_ += word + (words.text().empty() ? "" : " " + words.text()) + "\n";
    if (region_.code.next_value != implied_values(region_)) line("values", number_of(region_.code.next_value));
    line("allocatable", register_list(region_.allocatable));
    line("readable", register_list(region_.readable));
    if (region_.stack != kNoValue) line("stack", value(region_.stack));
    List in_order;
    for (size_t i = 0; i < region_.in_order.size(); ++i) {
      const unsigned order = region_.in_order[i];
      if (order != 0) in_order.add(number_of(static_cast<unsigned>(i)) + (order == kWithAll ? "" : ":" + number_of(order)));
    }
    line("in_order", in_order.text());
    line("entry", bindings(region_.entry));
  }

  void line(const char* word, const std::string& rest) {
    if (!rest.empty()) text_ += std::string("  ") + word + " " + rest + "\n";
  }

  void map(size_t point) {
    const Region::Map& map = region_.maps[point];
    text_ += " rmap{" + bindings(region_.map(point)) + "}";
    List words;
    if (map.completed != 0) words.add("completed " + number_of(map.completed));
    if (map.eip != Region::kNoAddress) words.add("pc @" + hex(map.eip));
    if (map.path != 0) words.add("path " + number_of(map.path));
    if (map.likely) words.add("likely");
    if (!words.text().empty()) text_ += " " + words.text();
  }

 public:
  /// One more than the highest value that is named.
  static unsigned implied_values(const Region& region) {
    unsigned count = 0;
    const auto note = [&count](ValueId value) {
      if (value != kNoValue) count = std::max(count, value + 1u);
    };
    for (const Binding& binding : region.entry) note(binding.value);
    for (size_t point = 0; point < region.maps.size(); ++point) {
      for (const Binding& binding : region.map(point)) note(binding.value);
    }
    note(region.stack);
    for (const ir::Inst& inst : region.code.insts) {
      note(inst.value);
      note(inst.flags);
      for (const ValueId source : inst.src) note(source);
    }
    return count;
  }

 private:
  const Region& region_;
  const ir::FlagsResults flags_;
  std::string text_;
};

class Parser {
 public:
  explicit Parser(ParsedRegions& out) : out_(out) {}

  void run(std::string_view text) {
    while (!text.empty()) {
      const size_t end = std::min(text.find('\n'), text.size());
      ++line_;
      std::string_view line = text.substr(0, end);
      line = ir::trim(line.substr(0, std::min(line.find(';'), line.size())));
      if (!line.empty()) statement(line);
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    close();
    if (out_.regions.empty() && out_.errors.empty()) fail("there is no region; the first line is 'region'");
    // Names are judged when a region ends.
    std::stable_sort(out_.errors.begin(), out_.errors.end(), [](const TextError& a, const TextError& b) { return a.line < b.line; });
  }

 private:
  struct Use {
    NamedValue name;
    unsigned line;
  };

  void fail(std::string message) { out_.errors.push_back({line_, std::move(message)}); }
  static std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

  void statement(std::string_view line) {
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    const std::string_view word = line.substr(0, end), rest = ir::trim(line.substr(end));
    if (word == "region") return begin(rest, false);
    if (word == "path" && out_.regions.empty()) return fail("a path belongs to the region before it, and there is none");
    if (word == "path") return begin(rest, true);
    if (at_ == nullptr) return fail("the first line is 'region', perhaps with an address: region @0x8048000");
    if (word == "guest") return guest(rest);
    if (at_->region.code.insts.empty() && head(word, rest)) return;
    operation(line);
  }

  void begin(std::string_view rest, bool is_path) {
    close();
    at_ = &out_.regions.emplace_back();
    at_->line = line_;
    at_->is_path = is_path;
    guest_ = 0;
    has_values_ = false;
    for (const std::string_view word : ir::split_list(rest)) {
      int64_t address = 0;
      const auto reads = [&](std::string_view prefix) {
        return word.starts_with(prefix) && ir::parse_number(word.substr(prefix.size()), address) && address >= 0 && address < UINT32_MAX;
      };
      const auto counts = [&](std::string_view prefix, uint16_t& to) {
        if (!is_path || !word.starts_with(prefix) || !ir::parse_number(word.substr(prefix.size()), address) || address < 0 || address > UINT16_MAX) return false;
        to = static_cast<uint16_t>(address);
        return true;
      };
      if (counts("committed ", at_->region.committed) || counts("skipped ", at_->region.skipped)) continue;
      if (word == "faults_roll_back") at_->region.faults_roll_back = true;
      else if (word == "precise") at_->region.precise = true;
      else if (reads("next @")) at_->region.next_eip = static_cast<uint32_t>(address);
      else if (reads("@")) at_->region.eip = static_cast<uint32_t>(address);
      else if (is_path) fail(quoted(word) + " says nothing of a path; accepted are @ADDRESS, next @ADDRESS, committed N, skipped N, faults_roll_back and precise");
      else fail(quoted(word) + " says nothing of a region; accepted are @ADDRESS, next @ADDRESS, faults_roll_back and precise");
    }
  }

  void guest(std::string_view rest) {
    int64_t number = 0;
    if (ir::parse_number(rest, number) && number >= 0 && number <= UINT16_MAX) guest_ = static_cast<uint16_t>(number);
    else fail("a guest instruction is a number from 0 to 65535, not " + quoted(rest));
  }

  /// A line of the head. False: it is none.
  bool head(std::string_view word, std::string_view rest) {
    Region& region = at_->region;
    if (word == "values") {
      int64_t count = 0;
      if (ir::parse_number(rest, count) && count >= 0 && count < kNoValue) region.code.next_value = static_cast<uint16_t>(count);
      else fail("values takes a number from 0 to 65534, not " + quoted(rest));
      has_values_ = true;
    } else if (word == "allocatable") {
      registers(rest, region.allocatable);
    } else if (word == "readable") {
      registers(rest, region.readable);
    } else if (word == "stack") {
      NamedValue name{};
      if (!ir::parse_value(rest, name)) fail("stack takes a value such as v4, not " + quoted(rest));
      else region.stack = use(name);
    } else if (word == "in_order") {
      for (const std::string_view part : ir::split_list(rest)) {
        const size_t colon = part.find(':');
        int64_t number = 0, order = kWithAll;
        const bool read = ir::parse_number(part.substr(0, colon), number) && (colon == std::string_view::npos || ir::parse_number(part.substr(colon + 1), order));
        if (!read || number < 0 || number > UINT16_MAX || order < 1 || order > UINT8_MAX) {
          fail("in_order takes numbers of guest instructions, each perhaps with a mask of 1 to 255 as in 3:2, not " + quoted(part));
          continue;
        }
        if (region.in_order.size() <= static_cast<size_t>(number)) region.in_order.resize(static_cast<size_t>(number) + 1, 0);
        region.in_order[static_cast<size_t>(number)] = static_cast<uint8_t>(order);
      }
    } else if (word == "entry") {
      bindings(rest, region.entry);
    } else {
      return false;
    }
    return true;
  }

  static bool register_number(std::string_view word, unsigned& reg) {
    int64_t number = 0;
    for (reg = 0; reg < kNamedRegisters; ++reg) {
      if (word == ir::name(static_cast<ir::GuestReg>(reg))) return true;
    }
    if (!word.starts_with("r") || !ir::parse_number(word.substr(1), number) || number < 0 || number > 255) return false;
    reg = static_cast<unsigned>(number);
    return true;
  }

  void registers(std::string_view list, uint64_t& out) {
    for (const std::string_view part : ir::split_list(list)) {
      const size_t dash = part.find('-');
      unsigned first = 0, last = 0;
      bool good = register_number(part.substr(0, dash), first);
      last = first;
      if (good && dash != std::string_view::npos) good = register_number(part.substr(dash + 1), last);
      if (!good || last > 63 || first > last) {
        fail(quoted(part) + " is no register r0 to r63, nor a range such as r0-r7");
        continue;
      }
      for (unsigned reg = first; reg <= last; ++reg) out |= uint64_t{1} << reg;
    }
  }

  ValueId use(NamedValue name) {
    if (name.value != kNoValue) uses_.push_back({name, line_});
    return name.value;
  }

  void bindings(std::string_view list, std::vector<Binding>& out) {
    for (const std::string_view part : ir::split_list(list)) {
      const size_t equals = std::min(part.find('='), part.size());
      unsigned reg = 0;
      NamedValue name{};
      if (equals == part.size() || !register_number(ir::trim(part.substr(0, equals)), reg) || !ir::parse_value(ir::trim(part.substr(equals + 1)), name)) {
        fail(quoted(part) + " is no binding; one is REGISTER=VALUE, such as eax=v3 or r20=v3");
        continue;
      }
      out.push_back({use(name), static_cast<uint8_t>(reg)});
    }
  }

  void operation(std::string_view line) {
    const size_t brace = line.find("rmap{");
    ir::Inst inst;
    std::string problem;
    if (!ir::parse(line.substr(0, brace), inst, sources_, problem)) {
      const bool alone = line.find_first_of(" \t") == std::string_view::npos || at_->region.code.insts.empty();
      return fail(problem + (alone && problem.starts_with("unknown") ? "; other lines begin with region, guest or, before the operations, values, allocatable, readable, stack, in_order or entry" : ""));
    }
    for (const NamedValue& name : sources_) use(name);
    inst.guest = guest_;
    at_->region.code.insts.push_back(inst);
    at_->lines.push_back(line_);
    if (brace != std::string_view::npos) map(inst, line.substr(brace + 5));
  }

  void map(const ir::Inst& inst, std::string_view rest) {
    if (!is_point(inst)) return fail("only exits and commits have a map");
    const size_t end = rest.find('}');
    if (end == std::string_view::npos) return fail("rmap{ lacks its }");
    std::vector<Binding> list;
    bindings(rest.substr(0, end), list);
    Region& region = at_->region;
    // Maps follow the points in order; a point without a map, which is an error, leaves its map to the next one.
    region.add_map(list);
    Region::Map& map = region.maps.back();
    for (const std::string_view part : ir::split_list(rest.substr(end + 1))) {
      int64_t number = 0;
      if (part == "likely") map.likely = true;
      else if (part.starts_with("completed ") && ir::parse_number(ir::trim(part.substr(10)), number) && number >= 0 && number <= UINT16_MAX)
        map.completed = static_cast<uint16_t>(number);
      else if (part.starts_with("pc @") && ir::parse_number(ir::trim(part.substr(4)), number) && number >= 0 && number < UINT32_MAX)
        map.eip = static_cast<uint32_t>(number);
      else if (part.starts_with("path ") && ir::parse_number(ir::trim(part.substr(5)), number) && number > 0 && number <= UINT16_MAX)
        map.path = static_cast<uint16_t>(number);
      else fail(quoted(part) + " says nothing of an exit; accepted are 'completed N', 'pc @ADDRESS', 'path N' and 'likely'");
    }
  }

  /// Checks the letters of values, and counts values.
  void close() {
    if (at_ == nullptr) return;
    Region& region = at_->region;
    std::vector<char> letter(size_t{kNoValue} + 1, 0);
    for (const ir::Inst& inst : region.code.insts) {
      if (inst.value != kNoValue) letter[inst.value] = 'v';
      if (inst.flags != kNoValue) letter[inst.flags] = 'f';
    }
    for (const Use& use : uses_) {
      const char written = use.name.as_flags ? 'f' : 'v', defined = letter[use.name.value];
      if (defined == 0 && written == 'v') continue;
      if (defined == written) continue;
      const std::string number = number_of(use.name.value);
      const char right = defined == 0 ? 'v' : defined;
      out_.errors.push_back({use.line, std::string(1, written) + number + " is " + (right == 'f' ? "a flags result" : "no flags result") + ": write " + right + number});
    }
    uses_.clear();
    if (!has_values_) region.code.next_value = static_cast<uint16_t>(Writer::implied_values(region));
    at_ = nullptr;
  }

  ParsedRegions& out_;
  ParsedRegion* at_ = nullptr;
  unsigned line_ = 0;
  uint16_t guest_ = 0;
  bool has_values_ = false;
  std::vector<Use> uses_;
  std::vector<NamedValue> sources_;
};

bool equal(std::span<const Binding> a, std::span<const Binding> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Binding& x, const Binding& y) { return x.value == y.value && x.reg == y.reg; });
}

bool equal(const ir::Inst& a, const ir::Inst& b) {
  return a.op == b.op && a.width == b.width && a.cond == b.cond && a.aux == b.aux && a.value == b.value && a.flags == b.flags &&
         std::equal(std::begin(a.src), std::end(a.src), std::begin(b.src)) && a.imm == b.imm && a.guest == b.guest;
}

}  // namespace

std::string region_text(const Region& region) { return Writer(region).run("region"); }

std::string tree_text(std::span<const Region> tree) {
  std::string out;
  for (size_t path = 0; path < tree.size(); ++path) out += Writer(tree[path]).run(path == 0 ? "region" : "path");
  return out;
}

unsigned ParsedRegion::line_of(uint32_t inst) const {
  if (lines.empty()) return line;
  return inst < lines.size() ? lines[inst] : lines.back();
}

ParsedRegions parse_regions(std::string_view text) {
  ParsedRegions out;
  Parser(out).run(text);
  return out;
}

bool same(const Region& a, const Region& b) {
  const auto in_order = [](const Region& region) {
    std::vector<uint8_t> out = region.in_order;
    while (!out.empty() && out.back() == 0) out.pop_back();
    return out;
  };
  if (a.code.next_value != b.code.next_value || a.allocatable != b.allocatable || a.readable != b.readable || a.stack != b.stack ||
      a.eip != b.eip || a.next_eip != b.next_eip || a.committed != b.committed || a.skipped != b.skipped || a.faults_roll_back != b.faults_roll_back || a.precise != b.precise || in_order(a) != in_order(b) ||
      !equal(a.entry, b.entry) || a.maps.size() != b.maps.size() || a.code.insts.size() != b.code.insts.size()) {
    return false;
  }
  for (size_t i = 0; i < a.code.insts.size(); ++i) {
    if (!equal(a.code.insts[i], b.code.insts[i])) return false;
  }
  for (size_t i = 0; i < a.maps.size(); ++i) {
    if (a.maps[i].likely != b.maps[i].likely || a.maps[i].completed != b.maps[i].completed || a.maps[i].path != b.maps[i].path || a.maps[i].eip != b.maps[i].eip || !equal(a.map(i), b.map(i))) return false;
  }
  return true;
}

}  // namespace chrysalis::translator
