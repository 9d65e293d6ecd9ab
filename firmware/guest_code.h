// Guest code as the caches of it need it: fetching and lifting instructions, under assumptions that hold now, and which
// bytes of guest memory somebody holds in another form, so that a store to them raises an event.
#pragma once

#include <cstdint>

#include "firmware/code_changes.h"
#include "firmware/storage.h"
#include "x86-frontend/decoded.h"
#include "x86-frontend/lift.h"

namespace chrysalis::fw {

/// An exception that fetching an instruction raises.
struct FetchFault {
  bool raised = false;
  uint8_t vector = 0;
  uint32_t error = 0;
  uint32_t address = 0;  ///< CR2 of a page fault
};

/// One instruction fetched, decoded and lifted.
struct Fetched {
  x86::DecodedInst inst;
  uint32_t length = 0;
  uint32_t page[2] = {0, 0};  ///< physical pages of its first and last byte
  bool unsupported = false;
  bool checked = false;          ///< some of its bytes lie where code is checked by translations: CodeChanges::checked()
  uint16_t reloaded = 0;         ///< its bytes, as bits, that are loaded when it executes
  bool has_key = false;          ///< it is short, and not at the end of a page
  uint64_t key = 0;              ///< Conversions::key_of(), if it has one
};

/// How an instruction is fetched for a translation.
struct FetchFor {
  bool check = false;            ///< what is lifted begins with a comparison of its bytes; if they have changed it traps
  bool reload = false;           ///< immediates and displacements are loaded when it executes
};

/// Whether only the interpreters execute the instruction: it calls a helper, or writes state that translations do not hold in registers.
inline bool is_for_interpreter(const ir::Code& lifted) {
  for (const ir::Inst& inst : lifted.insts) {
    const auto reg = static_cast<ir::GuestReg>(inst.aux);
    if (inst.op == ir::Op::Helper || (inst.op == ir::Op::SetReg && reg > ir::GuestReg::Edi && reg != ir::GuestReg::Flags)) return true;
  }
  return false;
}

/// Counts an instruction that is valid but not supported, and tells the platform which.
void report_unsupported(uint32_t eip, x86::Mnemonic mnemonic);

struct CodeHolder;

/// Who keeps code in another form.
class CodeOwner {
 public:
  /// Bytes of the holder's source change, or others beside them. What remains valid is protected as before.
  virtual void written(CodeHolder& holder, const CodeWrite& write) = 0;

 protected:
  ~CodeOwner() = default;
};

/// Bytes of one page that a holder is made from.
struct CodeSpan {
  uint32_t page;          ///< physical
  uint32_t linear_page;   ///< through which it was fetched
  uint32_t granules;
  CodeHolder* holder;
  CodeSpan* next;         ///< of the same page
};

/// Something made from guest code: a predecoded block, a translation.
struct CodeHolder {
  CodeOwner* owner;
  CodeSpan* spans;
  uint32_t span_count;
  uint32_t generation;    ///< of the page tables under which the spans were last looked up
  bool valid;
};

class GuestCode {
 public:
  explicit GuestCode(const GearOptions& options);
  GuestCode(const GuestCode&) = delete;
  GuestCode& operator=(const GuestCode&) = delete;

  /// Fetches and lifts the one instruction at `eip` into lifted(). False: `fault`.
  bool fetch(uint32_t eip, Fetched& fetched, FetchFault& fault);
  const ir::Code& lifted() const { return code_; }
  /// Its two steps, the first of which fills all of `fetched` but for what lifting says.
  bool decode(uint32_t eip, Fetched& fetched, FetchFault& fault);
  void lift(uint32_t eip, Fetched& fetched) {
    code_.clear();
    lift(eip, fetched, code_, {});
  }
  /// The same, appending to `out`.
  bool fetch(uint32_t eip, Fetched& fetched, FetchFault& fault, ir::Code& out, const FetchFor& how = {});
  bool fetch(uint32_t eip, Fetched& fetched, FetchFault& fault, const FetchFor& how) {
    code_.clear();
    return fetch(eip, fetched, fault, code_, how);
  }

  /// Whether the byte at `eip` is code that its translations check.
  bool checked(uint32_t eip);
  CodeChanges& changes() { return changes_; }

  /// The assumptions under which code is lifted from now on. True if they have changed.
  bool set_options(const x86::LiftOptions& options);
  /// The assumptions as a number: code lifted under another key must not be executed.
  uint32_t key() const { return key_; }

  /// Page tables have changed: linear addresses may mean other pages.
  void remap();
  /// Whether the holder's spans are still where they were fetched.
  bool still_mapped(CodeHolder& holder);
  /// Registers the holder's spans: stores to their granules raise an event from now on.
  void hold(CodeHolder& holder);
  /// Room for another holder of `spans` spans.
  bool has_room(uint32_t spans) const { return page_count_ + spans <= kPageCapacity / 2; }
  /// The holder is looked up under the present page tables, but not protected: it checks itself.
  void note_mapped(CodeHolder& holder) {
    holder.generation = generation_;
    holder.valid = true;
  }
  /// Tells the holders that have bytes in granules that `write` meets.
  void written(const CodeWrite& write);
  /// Forgets one holder, whose place is to be used again or which is to be held again. Its granules stay closed until
  /// somebody stores there.
  void forget(CodeHolder& holder);
  /// Forgets all holders of `owner`, which has dropped them.
  void release(const CodeOwner& owner);

  /// Granules of a physical page that somebody holds.
  uint32_t granules(uint32_t physical_page) const;
  /// A TLB entry is about to be written through which the page can be stored to without an event, in the granules
  /// that hold no code now.
  void note_writable(uint32_t physical_page) { writable_bit(physical_page) |= uint64_t{1} << physical_page % 64; }
  /// Empties the TLB.
  void flush_tlb();

 private:
  struct Page {
    uint32_t number;       ///< physical page + 1; 0: free
    uint32_t granules;
    CodeSpan* spans;
  };

  Page& page(uint32_t physical_page);
  const Page* find_page(uint32_t physical_page) const;
  void lift(uint32_t eip, Fetched& fetched, ir::Code& out, const FetchFor& how);
  void append_check(uint32_t eip, const Fetched& fetched, ir::Code& out);
  bool translate(uint32_t address, uint32_t& physical_page, FetchFault& fault);

  static constexpr unsigned kPageCapacity = 1u << 11;
  // Pages that note_writable() was told of since the TLB was last empty; several share a bit.
  uint64_t& writable_bit(uint32_t physical_page) { return writable_[physical_page / 64 % kWritableWords]; }
  static constexpr unsigned kWritableWords = 64;

  const bool whole_pages_;
  CodeChanges changes_;
  const Storage<Page> pages_;
  unsigned page_count_ = 0;
  x86::LiftOptions options_;
  uint32_t key_ = 0;
  uint32_t generation_ = 1;
  uint64_t writable_[kWritableWords];
  // The last page that code was fetched from.
  uint32_t fetch_page_ = ~0u, fetch_physical_ = 0, fetch_generation_ = 0;
  ir::Code code_, probe_;
};

}  // namespace chrysalis::fw
