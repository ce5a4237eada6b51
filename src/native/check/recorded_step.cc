#include "recorded_step.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "../kernel_list.h"

namespace ldc::check_program {

namespace {

size_t handle_of(const Json& json) { return static_cast<size_t>(json.number()); }

// In [0, 1), 24 bits of a hash (lowbias32, C. Wellons, 2018).
double unit(uint32_t upload, uint32_t index) {
  uint32_t x = upload * 0x9e3779b1u + index;
  x = (x ^ (x >> 16)) * 0x7feb352du;
  x = (x ^ (x >> 15)) * 0x846ca68bu;
  return ((x ^ (x >> 16)) >> 8) * 0x1p-24;
}

// Between low and high, from the number of the upload. The product is exact, so that no compiler can fuse a rounding away.
std::vector<char> made_up(DType type, int64_t elements, double low, double high, uint32_t upload) {
  std::vector<char> bytes(static_cast<size_t>(elements) * bytes_of(type));
  const double range = static_cast<float>(type == DType::u8 ? high + 1 - low : high - low);
  for (int64_t i = 0; i < elements; ++i) {
    const double value = low + range * unit(upload, static_cast<uint32_t>(i));
    if (type == DType::u8) {
      bytes[static_cast<size_t>(i)] = static_cast<char>(static_cast<uint8_t>(value));
    } else {
      const float rounded = static_cast<float>(value);
      std::memcpy(bytes.data() + i * 4, &rounded, 4);
    }
  }
  return bytes;
}

// FLOP of a kernel's direct sum; 0 for what is neither a convolution nor a linear layer.
template <auto Kernel>
struct Flop {
  template <class... A>
  static double of(const A&...) { return 0; }
};
double flop_of_convolution(const Tensor& y, int64_t in_channels, int64_t kernel) {
  return 2.0 * static_cast<double>(y.elements()) * static_cast<double>(in_channels * kernel * kernel);
}
template <>
struct Flop<&Kernels::conv2d_forward> {
  static double of(const Conv2d&, const Tensor& x, const Tensor&, int64_t kernel, const Tensor&, const Tensor& y) {
    return flop_of_convolution(y, x.c(), kernel);
  }
};
template <>
struct Flop<&Kernels::conv2d_data_grad> {
  static double of(const Conv2d&, const Tensor& dy, const Tensor&, int64_t kernel, const Tensor& dx) {
    return flop_of_convolution(dy, dx.c(), kernel);
  }
};
template <>
struct Flop<&Kernels::conv2d_weight_grad> {
  template <class... A>
  static double of(const Conv2d&, const Tensor& x, const Tensor& dy, const Tensor& w, const A&...) {
    return flop_of_convolution(dy, x.c(), w.shape[2]);
  }
};
template <>
struct Flop<&Kernels::linear_forward> {
  static double of(const Tensor&, const Tensor& w, const Tensor&, const Tensor& y) { return 2.0 * static_cast<double>(w.elements() * y.n()); }
};
template <>
struct Flop<&Kernels::linear_data_grad> {
  static double of(const Tensor& dy, const Tensor& w, const Tensor&) { return 2.0 * static_cast<double>(w.elements() * dy.n()); }
};
template <>
struct Flop<&Kernels::linear_weight_grad> {
  static double of(const Tensor&, const Tensor& dy, const Tensor& dw, const Tensor&) {
    return 2.0 * static_cast<double>(dw.elements() * dy.n());
  }
};

}  // namespace

RecordedStep::RecordedStep(Device& device, const std::string& path) : session_(device), device_(device) {
  const Json recording = Json::parse(read_file(path));
  name_ = recording.at("step").text();
  batch_ = static_cast<int>(recording.at("batch").number());
  size_ = static_cast<int>(recording.at("size").number());
  for (const Json& call : recording.at("setup").items()) {
    if (call.items().at(0).text() != "download") compiled(call.items())();
  }
  for (const Json& call : recording.at("run").items()) run_.push_back(compiled(call.items()));
}

RecordedStep::~RecordedStep() {
  for (const Tensor& t : tensors_) {
    if (t) device_.release(t.data);
  }
}

void RecordedStep::run(bool ahead) {
  flop_ = 0;
  if (ahead && images_ && !fetched_) fetched_ = device_.prefetch(images_->data(), images_->size());
  device_.begin_step();
  for (const Call& call : run_) call();
  device_.end_step();
  if (ahead && images_) fetched_ = device_.prefetch(images_->data(), images_->size());
}

std::string RecordedStep::digest() {
  uint32_t hash = 0x811c9dc5u;
  const auto add = [&](uint32_t word) { hash = (hash ^ word) * 0x01000193u; };  // FNV-1a, by words
  std::vector<std::vector<float>> left;
  for (const Tensor& t : tensors_) {
    if (t && t.layout == Layout::dense && t.dtype != DType::u8) left.push_back(session_.read(t));
  }
  for (const auto& words : read_) {  // there by now: downloads settle in order
    for (const uint32_t word : *words) add(word);
  }
  for (const auto& values : left) {
    for (const float value : values) {
      uint32_t word;
      std::memcpy(&word, &value, sizeof word);
      add(word);
    }
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08x", hash);
  return text;
}

void RecordedStep::make(size_t handle, DType type, Layout layout, const std::vector<int64_t>& shape) {
  Tensor t;
  t.dtype = type;
  t.layout = layout;
  t.rank = static_cast<int>(shape.size());
  for (size_t i = 0; i < shape.size() && i < kMaxRank; ++i) t.shape[i] = shape[i];
  t.data = device_.allocate(device_.bytes_of_tensor(t));
  if (handle >= tensors_.size()) tensors_.resize(handle + 1);
  tensors_[handle] = t;
}

// create, handle, dtype, layout, shape; create_packed, handle, and the arguments of conv2d_packed_elements.
RecordedStep::Call RecordedStep::create(const std::vector<Json>& call, bool packed) {
  const size_t handle = handle_of(call.at(1));
  if (packed) {
    const Recorded<Conv2d> conv(call.at(2));
    const Recorded<int64_t> out(call.at(3)), in(call.at(4)), kernel(call.at(5));
    const Recorded<ConvPass> pass(call.at(6));
    return [=, this] {
      make(handle, DType::f32, Layout::packed,
           {device_.kernels().conv2d_packed_elements(conv.get(), out.get(), in.get(), kernel.get(), pass.get())});
    };
  }
  const Recorded<DType> type(call.at(2));
  const Recorded<Layout> layout(call.at(3));
  std::vector<int64_t> shape;
  for (const Json& extent : call.at(4).items()) shape.push_back(static_cast<int64_t>(extent.number()));
  return [=, this] { make(handle, type.get(), layout.get(), shape); };
}

// upload, handle, smallest value, largest value; of int32: upload, handle, values.
RecordedStep::Call RecordedStep::upload(const std::vector<Json>& call) {
  const size_t handle = handle_of(call.at(1));
  const uint32_t number = uploads_++;
  const auto bytes = std::make_shared<std::vector<char>>();
  if (call.size() == 3) {
    for (const Json& value : call[2].items()) {
      const auto label = static_cast<int32_t>(value.number());
      bytes->insert(bytes->end(), reinterpret_cast<const char*>(&label), reinterpret_cast<const char*>(&label + 1));
    }
  }
  const double low = call.at(2).number(), high = call.size() > 3 ? call[3].number() : 0;
  return [=, this] {
    const Tensor& t = tensors_.at(handle);
    if (bytes->empty()) *bytes = made_up(t.dtype, t.elements(), low, high, number);
    if (t.dtype == DType::u8) images_ = bytes;
    if (bytes == images_ && std::exchange(fetched_, false)) {
      device_.upload_prefetched(t.data);
    } else {
      device_.upload(bytes->data(), t.data, bytes->size());
    }
  };
}

RecordedStep::Call RecordedStep::download(const std::vector<Json>& call) {
  const auto words = read_.emplace_back(std::make_shared<std::vector<uint32_t>>());
  return [this, words, handle = handle_of(call.at(1))] {
    const Tensor& t = tensors_.at(handle);
    words->resize(static_cast<size_t>(t.elements()));
    device_.download(t.data, words->data(), words->size() * 4, [words](const std::string&) {});  // digest() meets the error again
  };
}

template <auto Kernel, class... P, size_t... I>
RecordedStep::Call RecordedStep::kernel(const char* name, const std::vector<Json>& call, void (Kernels::*)(P...),
                                        std::index_sequence<I...>) {
  const auto arguments = std::make_tuple(Recorded<std::remove_cvref_t<P>>(call.at(I + 1))...);
  return [this, name, arguments] {
    auto bound = std::make_tuple(std::get<I>(arguments).bind(tensors_)...);
    flop_ += Flop<Kernel>::of(std::get<I>(bound).get()...);
    device_.submit(name, [bound = std::move(bound)](Kernels& kernels) { (kernels.*Kernel)(std::get<I>(bound).get()...); });
  };
}

template <auto Kernel>
RecordedStep::Call RecordedStep::kernel(const char* name, const std::vector<Json>& call) {
  const auto expand = [&]<class... P>(void (Kernels::*member)(P...)) {
    return kernel<Kernel>(name, call, member, std::index_sequence_for<P...>());
  };
  return expand(Kernel);
}

RecordedStep::Call RecordedStep::compiled(const std::vector<Json>& call) {
  using Compile = Call (RecordedStep::*)(const char*, const std::vector<Json>&);
#define LDC_KERNEL(name) {#name, &RecordedStep::kernel<&Kernels::name>},
  static const std::map<std::string, Compile> kernels = {
      LDC_EACH_KERNEL(LDC_KERNEL)
  };
#undef LDC_KERNEL
  const std::string& what = call.at(0).text();
  if (what == "create" || what == "create_packed") return create(call, what == "create_packed");
  if (what == "upload") return upload(call);
  if (what == "download") return download(call);
  if (what == "release") {
    return [this, handle = handle_of(call.at(1))] { device_.release(std::exchange(tensors_.at(handle), Tensor{}).data); };
  }
  const auto found = kernels.find(what);
  if (found == kernels.end()) throw std::runtime_error("the recording calls '" + what + "', which is no kernel");
  return (this->*found->second)(found->first.c_str(), call);
}

}  // namespace ldc::check_program
