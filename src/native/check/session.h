// Tensors on a device, for a program that has no engine above the kernels: made from host values, read back as host values.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <vector>

#include "../device.h"
#include "safetensors.h"

namespace ldc::check_program {

// How the convolutions of a device differ from exact ones.
struct Rounding {
  double operands = 0;               // unit roundoff, half the distance between neighbours; 0 in fp32
  DType features = DType::f32;       // bf16: what is stored is rounded to it, operands and results
};

class Session {
 public:
  // features: the type of all that are not asked for in another.
  explicit Session(Device& device, DType features = DType::f32) : device(device), feature_type(features) {}
  ~Session() { clear(); }

  Device& device;
  DType feature_type;

  // Releases every tensor made so far.
  void clear() {
    for (void* block : blocks_) device.release(block);
    blocks_.clear();
  }

  Tensor tensor(const std::vector<int64_t>& shape, Layout layout = Layout::dense, DType type = DType::f32) {
    Tensor t;
    t.dtype = type;
    t.layout = layout;
    t.rank = static_cast<int>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) t.shape[i] = shape[i];
    t.data = device.allocate(device.bytes_of_tensor(t));
    blocks_.push_back(t.data);
    return t;
  }
  Tensor features(const std::vector<int64_t>& shape) { return features(shape, feature_type); }
  Tensor features(const std::vector<int64_t>& shape, DType type) { return tensor(shape, Layout::features, type); }
  Tensor like(const Tensor& t) { return tensor({t.shape, t.shape + t.rank}, t.layout, t.dtype); }

  Tensor dense(const Values& values) {
    const Tensor t = tensor(values.shape);
    device.upload(values.data.data(), t.data, values.data.size() * sizeof(float));
    return t;
  }
  Tensor features(const Values& values) { return features(values, feature_type); }
  Tensor features(const Values& values, DType type) {
    const Tensor from = dense(values), t = features(values.shape, type);
    run("to_features", [=](Kernels& k) { k.to_features(from, t); });
    return t;
  }
  Tensor labels(const Values& values) {
    const std::vector<int32_t> list(values.data.begin(), values.data.end());
    const Tensor t = tensor(values.shape, Layout::dense, DType::i32);
    device.upload(list.data(), t.data, list.size() * sizeof(int32_t));
    return t;
  }

  template <class Work>
  void run(const char* name, Work work) {
    device.submit(name, work);
  }

  // Waits for all work so far. Throws std::runtime_error with what failed.
  std::vector<float> read(const Tensor& t) {
    if (t.layout == Layout::features) {
      const Tensor flat = tensor({t.shape, t.shape + t.rank});
      run("to_dense", [=](Kernels& k) { k.to_dense(t, flat); });
      return read(flat);
    }
    std::vector<float> values(static_cast<size_t>(t.elements()));
    std::mutex mutex;
    std::condition_variable wake;
    bool done = false;
    std::string error;
    device.download(t.data, values.data(), values.size() * sizeof(float), [&](std::string failure) {
      std::lock_guard<std::mutex> lock(mutex);
      error = std::move(failure);
      done = true;
      wake.notify_one();
    });
    std::unique_lock<std::mutex> lock(mutex);
    wake.wait(lock, [&] { return done; });
    if (!error.empty()) throw std::runtime_error(error);
    return values;
  }

 private:
  std::vector<void*> blocks_;
};

}  // namespace ldc::check_program
