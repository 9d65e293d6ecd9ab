#include "isa-host/assembler.h"

#include <cctype>
#include <cstring>
#include <unordered_map>

#include "isa-host/operand_syntax.h"
#include "isa-host/suggest.h"

namespace chrysalis::isa {
namespace {

const std::unordered_map<std::string_view, Op>& mnemonics() {
  static const std::unordered_map<std::string_view, Op> map = [] {
    std::unordered_map<std::string_view, Op> m;
    for (unsigned i = 0; i < kOps; ++i) m.emplace(kAtomInfo[i].mnemonic, static_cast<Op>(i));
    return m;
  }();
  return map;
}

struct Failure {
  std::string message;
};
[[noreturn]] void fail(std::string message) { throw Failure{std::move(message)}; }

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

bool name_character(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.' || c == '$'; }

/// A value that may depend on labels, which are not final before the last pass.
struct Value {
  int64_t value = 0;
  bool label = false;
};

using Symbols = std::map<std::string, uint64_t, std::less<>>;

/// Reads one line's text, or an operand's.
class Reader {
 public:
  Reader(std::string_view text, const Symbols& symbols, const Symbols& constants, uint64_t here, bool final)
      : text_(text), symbols_(symbols), constants_(constants), here_(here), final_(final) {}

  void skip() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool done() {
    skip();
    return at_ == text_.size();
  }
  char peek() {
    skip();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool accept(std::string_view token) {
    skip();
    if (text_.substr(at_, token.size()) != token) return false;
    at_ += token.size();
    return true;
  }
  void expect(std::string_view token) {
    if (!accept(token)) fail("expected " + quoted(token) + (done() ? " at the end" : " before " + quoted(text_.substr(at_))));
  }
  std::string_view rest() {
    skip();
    return text_.substr(at_);
  }
  std::string_view name() {
    skip();
    const std::size_t start = at_;
    while (at_ < text_.size() && name_character(text_[at_])) ++at_;
    return text_.substr(start, at_ - start);
  }

  /// Tries a register of the file ('r' or 'f').
  bool try_register(char file, uint8_t& index) {
    skip();
    const std::size_t start = at_;
    const std::string_view word = name();
    if (file == 'r' && word == "zero") {
      index = kZero;
      return true;
    }
    unsigned n = 0;
    bool digits = word.size() >= 2 && word.size() <= 3 && word[0] == file;
    for (std::size_t i = 1; digits && i < word.size(); ++i) {
      digits = std::isdigit(static_cast<unsigned char>(word[i])) != 0;
      n = n * 10 + static_cast<unsigned>(word[i] - '0');
    }
    if (!digits) {
      at_ = start;
      return false;
    }
    if (n >= kIntRegs) fail("there is no register " + quoted(word));
    index = static_cast<uint8_t>(n);
    return true;
  }
  uint8_t reg(char file) {
    uint8_t index = 0;
    if (!try_register(file, index))
      fail(std::string(file == 'r' ? "expected an integer register" : "expected a floating-point register") + " before " + quoted(rest()));
    return index;
  }

  /// term { (+|-|*) term }, `*` binding closer.
  Value expression() {
    Value sum = product();
    for (;;) {
      if (accept("+")) {
        const Value term = product();
        sum = {wrap(sum.value, term.value, '+'), sum.label || term.label};
      } else if (accept("-")) {
        const Value term = product();
        sum = {wrap(sum.value, term.value, '-'), sum.label || term.label};
      } else {
        return sum;
      }
    }
  }
  /// An expression, or long(expression).
  Value literal(bool& forced_long) {
    forced_long = accept("long(");
    const Value value = expression();
    if (forced_long) expect(")");
    return value;
  }

  /// A number, label, character or parenthesised expression, or the negative of one.
  Value term() {
    if (accept("-")) {
      const Value value = term();
      return {wrap(0, value.value, '-'), value.label};
    }
    if (accept("(")) {
      const Value value = expression();
      expect(")");
      return value;
    }
    if (accept("'")) {
      if (at_ + 1 >= text_.size() || text_[at_ + 1] != '\'') fail("a character literal is one character between quotes");
      at_ += 2;
      return {static_cast<unsigned char>(text_[at_ - 2]), false};
    }
    const std::string_view word = name();
    if (word.empty()) fail(done() ? "expected a number or a label at the end" : "expected a number or a label before " + quoted(rest()));
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) return {number(word), false};
    if (word == ".") return {static_cast<int64_t>(here_), true};
    if (const auto it = constants_.find(word); it != constants_.end()) return {static_cast<int64_t>(it->second), false};
    if (const auto it = symbols_.find(word); it != symbols_.end()) return {static_cast<int64_t>(it->second), true};
    if (final_) fail("unknown label " + quoted(word));
    return {static_cast<int64_t>(here_), true};
  }
 private:
  static int64_t wrap(int64_t a, int64_t b, char op) {
    const uint64_t x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
    return static_cast<int64_t>(op == '+' ? x + y : op == '-' ? x - y : x * y);
  }
  Value product() {
    Value value = term();
    while (accept("*")) {
      const Value factor = term();
      value = {wrap(value.value, factor.value, '*'), value.label || factor.label};
    }
    return value;
  }
  static int64_t number(std::string_view word) {
    const bool hex = word.size() > 2 && word[0] == '0' && (word[1] == 'x' || word[1] == 'X');
    const unsigned base = hex ? 16 : 10;
    uint64_t value = 0;
    for (std::size_t i = hex ? 2 : 0; i < word.size(); ++i) {
      const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(word[i])));
      const unsigned digit = c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') : c >= 'a' && c <= 'f' ? static_cast<unsigned>(c - 'a') + 10 : 99;
      if (digit >= base) fail(quoted(word) + " is not a number");
      if (value > (~uint64_t{0} - digit) / base) fail(quoted(word) + " does not fit 64 bits");
      value = value * base + digit;
    }
    return static_cast<int64_t>(value);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  const Symbols& symbols_;
  const Symbols& constants_;
  uint64_t here_;
  bool final_;
};

Cond condition(std::string_view name) {
  static constexpr struct { const char* name; Cond cond; } kOther[] = {
      {"c", Cond::B},  {"nc", Cond::NB}, {"ae", Cond::NB}, {"e", Cond::Z},   {"ne", Cond::NZ}, {"na", Cond::BE},
      {"a", Cond::NBE}, {"pe", Cond::P}, {"po", Cond::NP}, {"nge", Cond::L}, {"ge", Cond::NL}, {"ng", Cond::LE}, {"g", Cond::NLE}};
  for (unsigned i = 0; i < 16; ++i)
    if (name == kCondName[i]) return static_cast<Cond>(i);
  for (const auto& other : kOther)
    if (name == other.name) return other.cond;
  fail("unknown condition " + quoted(name));
}

/// One molecule's or directive's source.
struct Statement {
  unsigned line = 0;
  std::string label;           // defined here, may be empty
  std::string directive;       // or empty
  std::string text;            // operands of a directive, or atoms between bars
  bool long_target = false;    // a branch has been found not to fit the short form
  uint64_t address = 0;
};

class Assembler {
 public:
  Assembler(std::string_view text, uint64_t base) { out_.base = base; split(text); }

  Assembly run() {
    if ((out_.base & 3) != 0) error(1, "the base address is not a multiple of 4");
    // Molecules only grow: once a target needs a literal word, it keeps it. Directives may depend on labels in
    // circles, though.
    bool changed = out_.ok();
    for (unsigned passes = 0; changed && passes < kMaxPasses; ++passes) changed = pass(false);
    if (changed) error(1, "labels and the sizes that depend on them do not settle");
    if (out_.ok()) pass(true);
    for (const auto& [name, value] : constants_) out_.symbols.emplace(name, value);
    return std::move(out_);
  }

 private:
  void error(unsigned line, std::string message) { out_.errors.push_back({line, std::move(message)}); }

  void split(std::string_view text) {
    unsigned line = 0, open_line = 0;
    std::string molecule;  // text since an opening brace
    bool open = false;
    while (!text.empty()) {
      const std::size_t end = text.find('\n');
      std::string_view row = text.substr(0, end);
      text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
      ++line;
      bool in_string = false;
      for (std::size_t i = 0; i < row.size(); ++i) {
        if (row[i] == '"') in_string = !in_string;
        if (in_string || (row[i] != ';' && !(row[i] == '/' && i + 1 < row.size() && row[i + 1] == '/'))) continue;
        row = row.substr(0, i);
        break;
      }
      std::string rest(row);
      while (!rest.empty()) {
        if (open) {
          const std::size_t close = rest.find('}');
          molecule += rest.substr(0, close) + " ";
          if (close == std::string::npos) break;
          statements_.push_back({open_line, "", "", molecule});
          molecule.clear();
          open = false;
          rest = rest.substr(close + 1);
          continue;
        }
        const std::size_t start = rest.find_first_not_of(" \t\r");
        if (start == std::string::npos) break;
        rest = rest.substr(start);
        std::size_t length = 0;
        while (length < rest.size() && name_character(rest[length])) ++length;
        if (length != 0 && length < rest.size() && rest[length] == ':') {
          statements_.push_back({line, rest.substr(0, length), "", ""});
          rest = rest.substr(length + 1);
          continue;
        }
        if (rest[0] == '{') {
          open = true;
          open_line = line;
          rest = rest.substr(1);
          continue;
        }
        if (rest[0] == '.') {
          statements_.push_back({line, "", rest.substr(0, length), rest.substr(length)});
        } else {
          statements_.push_back({line, "", "", rest});
        }
        break;
      }
    }
    if (open) error(open_line, "this molecule has no closing '}'");
  }

  /// Lays everything out. Before the final pass nothing is reported; returns whether an address moved.
  bool pass(bool final) {
    bool changed = false;
    out_.bytes.clear();
    constants_.clear();
    defined_.clear();
    for (Statement& statement : statements_) {
      const uint64_t here = out_.base + out_.bytes.size();
      if (statement.address != here) changed = true;
      statement.address = here;
      try {
        if (!statement.label.empty()) {
          define(statement.label);
          uint64_t& value = out_.symbols[statement.label];
          changed |= value != here;
          value = here;
        } else if (!statement.directive.empty()) {
          directive(statement, here, final);
        } else {
          changed |= molecule(statement, here, final);
        }
      } catch (const Failure& failure) {
        if (final) error(statement.line, failure.message);
      }
    }
    return changed;
  }

  /// Fails for a second definition, so that the first one counts.
  void define(const std::string& name) {
    if (!defined_.emplace(name, 0).second) fail(quoted(name) + " is defined twice");
  }

  void directive(const Statement& statement, uint64_t here, bool final) {
    Reader in(statement.text, out_.symbols, constants_, here, final);
    const std::string& name = statement.directive;
    if (name == ".equ") {
      const std::string symbol(in.name());
      if (symbol.empty()) fail(".equ needs a name");
      in.expect(",");
      define(symbol);
      constants_[symbol] = static_cast<uint64_t>(in.expression().value);
    } else if (name == ".org" || name == ".zero" || name == ".align") {
      const int64_t value = in.expression().value;
      const uint64_t size = out_.bytes.size();
      uint64_t target = 0;
      if (name == ".align") {
        if (value <= 0 || (value & (value - 1)) != 0 || value > 65536) fail(".align needs a power of two up to 65536");
        target = ((here + static_cast<uint64_t>(value) - 1) & ~(static_cast<uint64_t>(value) - 1)) - out_.base;
      } else {
        target = name == ".org" ? static_cast<uint64_t>(value) - out_.base : size + static_cast<uint64_t>(value);
      }
      if (target < size || target > kMaxBytes) fail(name + " " + std::to_string(value) + " leads backwards or too far");
      out_.bytes.resize(target);
    } else if (name == ".byte" || name == ".half" || name == ".word" || name == ".quad") {
      const unsigned width = name == ".byte" ? 1 : name == ".half" ? 2 : name == ".word" ? 4 : 8;
      do {
        const int64_t value = in.expression().value;
        const int64_t limit = width == 8 ? 0 : int64_t{1} << (8 * width);
        if (final && width != 8 && (value < -limit / 2 || value >= limit)) fail(std::to_string(value) + " does not fit " + name);
        for (unsigned i = 0; i < width; ++i) out_.bytes.push_back(static_cast<uint8_t>(static_cast<uint64_t>(value) >> 8 * i));
      } while (in.accept(","));
    } else if (name == ".ascii" || name == ".asciz") {
      string(in);
      if (name == ".asciz") out_.bytes.push_back(0);
    } else {
      fail("unknown directive " + quoted(name));
    }
    if (!in.done()) fail("unexpected " + quoted(in.rest()));
  }

  void string(Reader& in) {
    in.expect("\"");
    std::string_view text = in.rest();
    std::size_t used = 0;
    for (;; ++used) {
      if (used >= text.size()) fail("the string has no closing quote");
      char c = text[used];
      if (c == '"') break;
      if (c == '\\') {
        if (++used >= text.size()) fail("the string has no closing quote");
        c = text[used] == 'n' ? '\n' : text[used] == 't' ? '\t' : text[used] == '0' ? '\0' : text[used];
      }
      out_.bytes.push_back(static_cast<uint8_t>(c));
    }
    in.expect(text.substr(0, used + 1));
  }

  bool molecule(Statement& statement, uint64_t here, bool final) {
    if ((here & 3) != 0) fail("a molecule's address is a multiple of 4; use .align 4");
    Molecule molecule;
    molecule.address = here;
    std::string_view text = statement.text;
    bool more = true, widened = false;
    while (more) {
      const std::size_t bar = text.find('|');
      if (molecule.count == kMaxWords) fail(message(CodecError::Empty));
      Atom& atom = molecule.atoms[molecule.count++];
      Reader in(text.substr(0, bar), out_.symbols, constants_, here, final);
      widened |= parse_atom(in, atom, statement.long_target, here);
      more = bar != std::string_view::npos;
      if (more) text = text.substr(bar + 1);
    }
    uint32_t words[kMaxWords] = {};
    const CodecResult result = encode(molecule, words);
    if (!result.ok()) {
      if (final) fail(disassemble(molecule.atoms[result.atom], here) + ": " + message(result.error));
      for (unsigned i = 0; i < molecule.count; ++i) out_.bytes.resize(out_.bytes.size() + 4 * isa::words(molecule.atoms[i]));
    } else {
      const uint8_t* bytes = reinterpret_cast<const uint8_t*>(words);
      out_.bytes.insert(out_.bytes.end(), bytes, bytes + molecule.bytes);
    }
    return widened;
  }

  /// Returns whether the statement has just come to need long targets.
  bool parse_atom(Reader& in, Atom& atom, bool& long_target, uint64_t here) {
    const std::string_view mnemonic = in.name();
    if (mnemonic.empty()) fail("expected an atom");
    const auto it = mnemonics().find(mnemonic);
    if (it == mnemonics().end()) {
      std::vector<std::string_view> known;
      for (const auto& entry : mnemonics()) known.push_back(entry.first);
      fail("unknown atom " + quoted(mnemonic) + suggestion(mnemonic, known));
    }
    atom.op = it->second;
    bool first = true, widened = false;
    for_each_operand(atom.op, [&](std::string_view operand) {
      if (operand == "pc" && in.peek() != ',') return;
      if (!first) in.expect(",");
      first = false;
      if (operand[0] == '[') {
        memory(in, atom, operand);
      } else if (operand == "rm") {
        if (!in.try_register('r', atom.rb)) set(atom, in);
      } else if (is_register_operand(operand)) {
        register_field(atom, operand) = in.reg(operand[0] == 'v' ? 'f' : 'r');
      } else if (operand == "imm" || operand == "pc") {
        set(atom, in);
      } else if (operand == "target") {
        bool forced = false;
        const Value value = in.literal(forced);
        atom.imm = static_cast<int64_t>(static_cast<uint64_t>(value.value) - here);
        const bool fits = fits_short(atom.op, atom.imm);
        if (value.label && !fits && !long_target) long_target = widened = true;
        atom.mode = forced || !fits || (value.label && long_target) ? Mode::Long : Mode::Short;
      } else if (operand == "cond") {
        atom.cond = condition(in.name());
      } else if (operand == "special") {
        atom.count = special(in.name());
      } else if (operand == "count") {
        atom.count = static_cast<uint16_t>(small(in, 0xffff));
      } else {  // entry, mask
        atom.alias = static_cast<uint8_t>(small(in, 0xff));
      }
    });
    if (in.accept("f=")) {
      const unsigned reg = in.reg('r');
      if (!info(atom.op).has(kWritesFd)) fail(quoted(mnemonic) + " delivers no flags");
      if (!is_flags_register(reg)) fail("flags go to r9 to r15");
      atom.fd = static_cast<uint8_t>(flags_field(reg));
    }
    if (!in.done()) fail("unexpected " + quoted(in.rest()));
    return widened;
  }

  static uint64_t small(Reader& in, uint64_t limit) {
    const int64_t value = in.expression().value;
    if (value < 0 || static_cast<uint64_t>(value) > limit) fail(std::to_string(value) + " is out of range (0 to " + std::to_string(limit) + ")");
    return static_cast<uint64_t>(value);
  }

  static uint16_t special(std::string_view name) {
    std::vector<std::string_view> known;
    for (unsigned i = 0; i < kSpecials; ++i) {
      if (name == kSpecialName[i]) return static_cast<uint16_t>(i);
      known.push_back(kSpecialName[i]);
    }
    fail("unknown special register " + quoted(name) + suggestion(name, known));
  }

  /// A label's value may change between passes, so it always takes the long form.
  static void set(Atom& atom, Reader& in, bool minus = false) {
    bool forced = false;
    Value value = in.literal(forced);
    if (minus) value.value = static_cast<int64_t>(0 - static_cast<uint64_t>(value.value));
    if (info(atom.op).uses(kReadsRm | kImmediate) && !forced && !value.label && fits_short(atom.op, value.value)) {
      atom.mode = Mode::Short;
    } else {
      atom.mode = Mode::Long;
    }
    atom.imm = value.value;
  }

  static void memory(Reader& in, Atom& atom, std::string_view operand) {
    in.expect("[");
    atom.ra = in.reg('r');
    const bool scaled = operand == "[ra+rb*scale+long]", by_mode = operand == "[ra+rm]";
    bool have_register = false;
    if (scaled) atom.rb = kZero;
    while (in.peek() != ']') {
      const bool minus = in.accept("-");
      if (!minus) in.expect("+");
      uint8_t reg = 0;
      if (!minus && (scaled || by_mode) && !have_register && in.try_register('r', reg)) {
        atom.rb = reg;
        have_register = true;
        if (scaled && in.accept("*")) {
          const int64_t factor = in.term().value;
          if (factor != 1 && factor != 2 && factor != 4 && factor != 8) fail("a scale is 1, 2, 4 or 8");
          atom.scale = static_cast<uint8_t>(factor == 8 ? 3 : factor / 2);
        }
        continue;
      }
      if (have_register && by_mode) fail("an address is [register], [register+register] or [register+literal]");
      set(atom, in, minus);
      have_register = true;
      break;
    }
    in.expect("]");
    if (by_mode && !have_register) atom.mode = Mode::Short;
  }

  static constexpr unsigned kMaxPasses = 200;
  static constexpr uint64_t kMaxBytes = 64u << 20;

  Assembly out_;
  std::vector<Statement> statements_;
  Symbols constants_, defined_;
};

}  // namespace

std::string Assembly::error_text(std::string_view name) const {
  std::string text;
  for (const AssemblyError& error : errors) text += std::string(name) + ":" + std::to_string(error.line) + ": " + error.message + "\n";
  return text;
}

Assembly assemble(std::string_view text, uint64_t base) { return Assembler(text, base).run(); }

}  // namespace chrysalis::isa
