// The reader of single operations; text.cpp writes them.
#include <algorithm>
#include <charconv>

#include "isa-host/suggest.h"
#include "translator/ir/text.h"
#include "translator/ir/text_syntax.h"

namespace chrysalis::ir {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\r'; }

bool parse_unsigned(std::string_view word, int base, uint64_t& out) {
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), out, base);
  return !word.empty() && error == std::errc{} && end == word.data() + word.size();
}

bool parse_small(std::string_view word, uint64_t limit, uint64_t& out) { return parse_unsigned(word, 10, out) && out <= limit; }

std::string quoted(std::string_view word) { return "'" + std::string(word) + "'"; }

/// An operation's name, without width and condition. False: there is none of this name.
bool find_operation(std::string_view word, Inst& inst) {
  for (unsigned op = 0; op < static_cast<unsigned>(Op::kCount); ++op) {
    if (static_cast<Op>(op) == Op::Intrinsic || word != info(static_cast<Op>(op)).text) continue;
    inst.op = static_cast<Op>(op);
    return true;
  }
  for (unsigned id = 0; id < static_cast<unsigned>(IntrinsicId::kCount); ++id) {
    if (word != info(static_cast<IntrinsicId>(id)).text) continue;
    inst.op = Op::Intrinsic;
    inst.imm = id;
    return true;
  }
  return false;
}

std::string unknown_operation(std::string_view word) {
  std::vector<std::string_view> known;
  for (const OpInfo& row : kOpInfo) known.push_back(row.text);
  for (const IntrinsicInfo& row : kIntrinsicInfo) known.push_back(row.text);
  return "unknown operation " + quoted(word) + isa::suggestion(word, known);
}

class Parser {
 public:
  Parser(Inst& inst, std::vector<NamedValue>& sources, std::string& problem) : inst_(inst), sources_(sources), problem_(problem) {}

  bool run(std::string_view line) {
    line = trim(line);
    const size_t equals = line.find(" = ");
    if (equals != std::string_view::npos) {
      if (!results(line.substr(0, equals))) return false;
      line = trim(line.substr(equals + 3));
    }
    const size_t end = std::min(line.find_first_of(" \t"), line.size());
    if (!head(line.substr(0, end))) return false;
    for (const std::string_view word : split_list(line.substr(end))) {
      if (!operand(word)) return false;
    }
    return complete();
  }

 private:
  bool fail(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  bool results(std::string_view list) {
    for (const std::string_view word : split_list(list)) {
      NamedValue name{};
      if (!parse_value(word, name) || name.value == kNoValue) return fail(quoted(word) + " is no result; a value is v0 to v65534, a flags image f0 to f65534");
      ValueId& field = name.as_flags ? inst_.flags : inst_.value;
      const bool in_order = name.as_flags || inst_.flags == kNoValue;
      if (field != kNoValue || !in_order) return fail("an operation has at most a value (v1), then a flags image (f2)");
      field = name.value;
    }
    return true;
  }

  /// name[.width][.condition]
  bool head(std::string_view word) {
    const size_t dot = std::min(word.find('.'), word.size());
    if (!find_operation(word.substr(0, dot), inst_)) return fail(unknown_operation(word.substr(0, dot)));
    bool has_width = false, has_cond = false;
    for (std::string_view rest = word.substr(dot); !rest.empty();) {
      rest.remove_prefix(1);
      const size_t next = std::min(rest.find('.'), rest.size());
      const std::string_view part = rest.substr(0, next);
      rest.remove_prefix(next);
      uint64_t width = 0;
      if (!has_width && !has_cond && parse_small(part, 255, width)) {
        inst_.width = static_cast<uint8_t>(width);
        has_width = true;
      } else if (!has_cond && condition(part)) {
        has_cond = true;
      } else {
        return fail(quoted(part) + " is neither a width (8, 16, 32 or 64) nor a condition" + conditions(part));
      }
    }
    if (!has_width && usual_width(inst_) == 0) return fail(quoted(word) + " lacks a width: ." + "8, .16, .32 or .64");
    if (!has_width) inst_.width = static_cast<uint8_t>(usual_width(inst_));
    if (!has_cond && has_condition(inst_.op)) return fail(quoted(word) + " lacks a condition" + conditions({}));
    return true;
  }

  bool condition(std::string_view part) {
    for (unsigned i = 0; i <= static_cast<unsigned>(Cond::NonZero); ++i) {
      if (part != name(static_cast<Cond>(i))) continue;
      inst_.cond = static_cast<Cond>(i);
      return true;
    }
    return false;
  }

  static std::string conditions(std::string_view near) {
    std::vector<std::string_view> known;
    std::string list;
    for (unsigned i = 0; i <= static_cast<unsigned>(Cond::NonZero); ++i) {
      known.push_back(name(static_cast<Cond>(i)));
      list += (i == 0 ? " (" : ", ") + std::string(known.back());
    }
    return list + ")" + (near.empty() ? std::string() : isa::suggestion(near, known));
  }

  bool operand(std::string_view word) {
    NamedValue value{};
    if (parse_value(word, value)) {
      if (sources_.size() == std::size(inst_.src)) return fail("more than four sources");
      if (tail_parts_ != 0) return fail(quoted(word) + ": sources come before other operands");
      inst_.src[sources_.size()] = value.value;
      sources_.push_back(value);
      return true;
    }
    int64_t number = 0;
    if (word.starts_with("aux=") && parse_number(word.substr(4), number) && number >= 0 && number <= 255) {
      inst_.aux = static_cast<uint8_t>(number);
      return true;
    }
    if (word.starts_with("imm=") && inst_.op != Op::Intrinsic && parse_number(word.substr(4), number)) {
      inst_.imm = number;
      return true;
    }
    if (tail_operand(word)) return true;
    const unsigned count = source_count(inst_);
    const std::string other = accepted(tail_of(inst_.op));
    const char* const op = inst_.op == Op::Intrinsic ? info(static_cast<IntrinsicId>(inst_.imm)).text : info(inst_.op).text;
    std::string takes = count == 0 ? "" : std::to_string(count) + (count == 1 ? " value" : " values");
    takes += (takes.empty() || other.empty() ? "" : ", then ") + other;
    return fail(quoted(word) + " is no operand of " + op + ", which takes " + (takes.empty() ? "none" : takes));
  }

  /// Prefixed numbers such as <<2, @0x1000, #13, L5.
  static bool prefixed(std::string_view word, std::string_view prefix, int64_t& number) {
    return word.starts_with(prefix) && parse_number(word.substr(prefix.size()), number);
  }
  bool set_aux(int64_t number) {
    if (number < 0 || number > 255) return false;
    inst_.aux = static_cast<uint8_t>(number);
    ++tail_parts_;
    return true;
  }
  bool set_imm(int64_t number) {
    inst_.imm = number;
    ++tail_parts_;
    return true;
  }
  bool kind(std::string_view word) {
    for (unsigned i = 0; i < std::size(kExitKinds); ++i) {
      if (word == kExitKinds[i]) return set_aux(i);
    }
    return false;
  }

  bool tail_operand(std::string_view word) {
    int64_t number = 0;
    switch (tail_of(inst_.op)) {
      case Tail::None: return false;
      case Tail::Number:
      case Tail::Helper: return tail_parts_ == 0 && parse_number(word, number) && set_imm(number);
      case Tail::GuestReg:
        for (unsigned reg = 0; reg < static_cast<unsigned>(GuestReg::kCount); ++reg) {
          if (word == name(static_cast<GuestReg>(reg))) return set_aux(reg);
        }
        return false;
      case Tail::Lea:
        if (tail_parts_ == 0) return prefixed(word, "<<", number) && set_aux(number);
        return tail_parts_ == 1 && parse_number(word, number) && set_imm(number);
      case Tail::Scale: return tail_parts_ == 0 && prefixed(word, "<<", number) && set_aux(number);
      case Tail::Address:
        if (tail_parts_ == 0) return prefixed(word, "@", number) && set_imm(number);
        return tail_parts_ == 1 && kind(word);
      case Tail::Kind: return tail_parts_ == 0 && kind(word);
      case Tail::Trap:
      case Tail::SoftInt:
        if (tail_parts_ == 0) return prefixed(word, "#", number) && set_aux(number);
        return tail_parts_ == 1 && parse_number(word, number) && set_imm(number);
      case Tail::Label: return tail_parts_ == 0 && prefixed(word, "L", number) && set_imm(number);
      case Tail::Offset: {
        const bool sign = word.size() > 1 && (word[0] == '+' || word[0] == '-');
        if (tail_parts_ != 0 || !sign) return false;
        return parse_number(word[0] == '+' ? word.substr(1) : word, number) && set_imm(number);
      }
    }
    return false;
  }

  /// Whether an operand is missing without which the operation says nothing.
  bool complete() {
    const Tail tail = tail_of(inst_.op);
    const bool needs = tail == Tail::Number || tail == Tail::Label || tail == Tail::Address || tail == Tail::Helper;
    if (!needs || tail_parts_ != 0) return true;
    return fail(std::string(info(inst_.op).text) + " lacks an operand: " + accepted(tail));
  }

  Inst& inst_;
  std::vector<NamedValue>& sources_;
  std::string& problem_;
  unsigned tail_parts_ = 0;
};

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split_list(std::string_view text) {
  std::vector<std::string_view> parts;
  text = trim(text);
  if (text.empty()) return parts;
  for (;;) {
    const size_t comma = std::min(text.find(','), text.size());
    parts.push_back(trim(text.substr(0, comma)));
    if (comma == text.size()) return parts;
    text.remove_prefix(comma + 1);
  }
}

bool parse_value(std::string_view word, NamedValue& out) {
  if (word == "-") {
    out = {kNoValue, false};
    return true;
  }
  uint64_t number = 0;
  if (word.empty() || (word[0] != 'v' && word[0] != 'f') || !parse_small(word.substr(1), kNoValue - 1u, number)) return false;
  out = {static_cast<ValueId>(number), word[0] == 'f'};
  return true;
}

bool parse_number(std::string_view word, int64_t& out) {
  const bool negative = word.starts_with("-");
  if (negative) word.remove_prefix(1);
  uint64_t magnitude = 0;
  const bool hexadecimal = word.starts_with("0x");
  if (!parse_unsigned(hexadecimal ? word.substr(2) : word, hexadecimal ? 16 : 10, magnitude)) return false;
  if (negative && magnitude > uint64_t{1} << 63) return false;
  out = static_cast<int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

bool parse(std::string_view line, Inst& inst, std::vector<NamedValue>& sources, std::string& problem) {
  inst = {};
  sources.clear();
  return Parser(inst, sources, problem).run(line);
}

}  // namespace chrysalis::ir
