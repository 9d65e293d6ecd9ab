#include "firmware/image/image.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>

#include "firmware/image/error.h"

namespace chrysalis::image {
namespace {

constexpr char kMagic[] = {'C', 'H', 'Y', 'I', 'M', 'G', '0', '3'};

class Writer {
 public:
  Writer() : out(std::begin(kMagic), std::end(kMagic)) {}
  void visit(uint64_t& value) { bytes(&value, sizeof value); }
  void visit(uint32_t& value) { widen(value); }
  void visit(isa::MachineDescription& machine) { bytes(&machine, sizeof machine); }
  void visit(AccountMode& mode) { widen(static_cast<uint64_t>(mode)); }
  void visit(std::string& text) {
    widen(text.size());
    bytes(text.data(), text.size());
  }
  void visit(std::vector<uint8_t>& data) {
    widen(data.size());
    bytes(data.data(), data.size());
  }
  template <class T, class Each>
  void visit(std::vector<T>& list, Each each) {
    widen(list.size());
    for (T& element : list) each(element);
  }
  std::vector<uint8_t> out;

 private:
  void widen(uint64_t value) { bytes(&value, sizeof value); }
  void bytes(const void* data, size_t size) {
    const auto* from = static_cast<const uint8_t*>(data);
    out.insert(out.end(), from, from + size);
  }
};

class Reader {
 public:
  Reader(std::span<const uint8_t> bytes, const std::string& path) : bytes_(bytes), path_(path) {
    char magic[sizeof kMagic] = {};
    take(magic, sizeof magic);
    if (std::memcmp(magic, kMagic, sizeof magic) != 0) throw ImageError(path_ + ": not a firmware image");
  }
  void visit(uint64_t& value) { take(&value, sizeof value); }
  void visit(uint32_t& value) { value = static_cast<uint32_t>(number()); }
  void visit(isa::MachineDescription& machine) { take(&machine, sizeof machine); }
  void visit(AccountMode& mode) {
    const uint64_t value = number();
    if (value >= static_cast<uint64_t>(AccountMode::kCount)) throw ImageError(path_ + ": unknown account mode");
    mode = static_cast<AccountMode>(value);
  }
  void visit(std::string& text) {
    text.resize(count(1));
    take(text.data(), text.size());
  }
  void visit(std::vector<uint8_t>& data) {
    data.resize(count(1));
    take(data.data(), data.size());
  }
  template <class T, class Each>
  void visit(std::vector<T>& list, Each each) {
    list.resize(count(8));
    for (T& element : list) each(element);
  }

 private:
  uint64_t number() {
    uint64_t value = 0;
    take(&value, sizeof value);
    return value;
  }
  /// A count of elements of at least `size` bytes each, which must still be there.
  size_t count(size_t size) {
    const uint64_t value = number();
    if (value > (bytes_.size() - at_) / size) throw ImageError(path_ + ": the image ends early");
    return static_cast<size_t>(value);
  }
  void take(void* to, size_t size) {
    if (size > bytes_.size() - at_) throw ImageError(path_ + ": the image ends early");
    if (size != 0) std::memcpy(to, bytes_.data() + at_, size);
    at_ += size;
  }
  std::span<const uint8_t> bytes_;
  const std::string& path_;
  size_t at_ = 0;
};

/// The file format, once for both directions.
template <class Archive>
void transfer(Image& image, Archive& archive) {
  archive.visit(image.machine);
  for (uint64_t* field : {&image.reset, &image.event_vector, &image.code_begin, &image.code_end,
                          &image.heap_begin}) {
    archive.visit(*field);
  }
  archive.visit(image.segments, [&](Segment& segment) {
    archive.visit(segment.address);
    archive.visit(segment.bytes);
  });
  archive.visit(image.functions, [&](ImageFunction& function) {
    archive.visit(function.name);
    archive.visit(function.mode);
  });
  archive.visit(image.ranges, [&](CodeRange& range) {
    archive.visit(range.begin);
    archive.visit(range.end);
    archive.visit(range.function);
  });
  archive.visit(image.symbols, [&](ImageSymbol& symbol) {
    archive.visit(symbol.name);
    archive.visit(symbol.address);
  });
  ImageStatistics& s = image.statistics;
  for (uint64_t* field : {&s.riscv_instructions, &s.regions, &s.molecules, &s.atoms, &s.spilled, &s.code_bytes}) archive.visit(*field);
}

}  // namespace

const char* name(AccountMode mode) {
  static constexpr const char* kNames[] = {"monitor", "interpreter", "translator", "dispatch", "recovery"};
  return mode < AccountMode::kCount ? kNames[static_cast<unsigned>(mode)] : "?";
}

const ImageFunction* Image::function_at(uint64_t address) const {
  const auto after = std::upper_bound(ranges.begin(), ranges.end(), address,
                                      [](uint64_t a, const CodeRange& range) { return a < range.begin; });
  if (after == ranges.begin() || address >= std::prev(after)->end) return nullptr;
  return &functions[std::prev(after)->function];
}

uint64_t Image::symbol(const std::string& name) const {
  for (const ImageSymbol& symbol : symbols) {
    if (symbol.name == name) return symbol.address;
  }
  return 0;
}

std::vector<uint8_t> serialize_image(const Image& image) {
  Writer writer;
  Image copy = image;
  transfer(copy, writer);
  return std::move(writer.out);
}

Image parse_image(std::span<const uint8_t> bytes, const std::string& path) {
  Image image;
  Reader reader(bytes, path);
  transfer(image, reader);
  for (const CodeRange& range : image.ranges) {
    if (range.function >= image.functions.size()) throw ImageError(path + ": code of an unknown function");
  }
  return image;
}

isa::MachineDescription parse_image_machine(std::span<const uint8_t> bytes, const std::string& path) {
  isa::MachineDescription machine;
  Reader(bytes, path).visit(machine);
  return machine;
}

void write_image(const Image& image, const std::string& path) {
  const std::vector<uint8_t> bytes = serialize_image(image);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw ImageError(path + ": cannot be written");
}

Image read_image(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw ImageError(path + ": cannot be opened");
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  return parse_image(bytes, path);
}

}  // namespace chrysalis::image
