// Makes the convolutions of the tile unit that this file is compiled for.
#include "conv2d.h"

namespace ldc::cpu::LDC_ISA {

namespace {

class Convolution final : public TileConvolution {
 public:
  Convolution(Pool& pool, Scratch& scratch) : pool_(pool), scratch_(scratch) {}

  int64_t packed_elements(const Conv2d& conv, int64_t out_channels, int64_t in_channels, int64_t kernel,
                          ConvPass pass) const override {
    return tiles::packed_elements({conv, kernel, pass}, out_channels, in_channels);
  }
  void pack(const Conv2d& conv, const Tensor& w, const Tensor& m, const Tensor& theta, ConvPass pass,
            const Tensor& packed) override {
    tiles::pack(pool_, scratch_, {conv, w.shape[2], pass}, {conv, w, m, theta}, w.shape[0], w.shape[1], packed.as<uint16_t>());
  }
  void forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
               const Tensor& y) override {
    tiles::run(pool_, scratch_, {conv, kernel, ConvPass::forward}, x, packed.as<uint16_t>(), bias.f32(), y);
  }
  void data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) override {
    tiles::run(pool_, scratch_, {conv, kernel, ConvPass::data_grad}, dy, packed.as<uint16_t>(), nullptr, dx);
  }
  void weight_grad(const Conv2d& conv, const Tensor& x, const Tensor& dy, const Tensor& w, const Tensor& m, const Tensor& theta,
                   const Tensor& dw, const Tensor& dm, const Tensor& dtheta) override {
    tiles::weight_grad(pool_, scratch_, {conv, w.shape[2], ConvPass::forward}, x, dy, {conv, w, m, theta}, dw, dm, dtheta);
  }

  void multiply_tiles(const uint16_t* a, const uint16_t* b, float* c) const override {
    configure_tiles();
    TileUnit unit;
    unit.load<0>(c, kRowBytes);
    unit.load<1>(a, kRowBytes);
    unit.load<2>(b, kRowBytes);
    unit.multiply_add<0, 1, 2>();
    unit.store<0>(c, kRowBytes);
  }
  void spin(int64_t rounds) const override {
    alignas(64) uint16_t a[2][512] = {}, b[2][512] = {};
    configure_tiles();
    TileUnit unit;
    unit.zero<0>(), unit.zero<1>(), unit.zero<2>(), unit.zero<3>();
    for (int64_t r = 0; r < rounds; ++r) {
      unit.load<6>(b[0], kRowBytes);
      unit.load<4>(a[0], kRowBytes);
      unit.multiply_add<0, 4, 6>();
      unit.load<7>(b[1], kRowBytes);
      unit.multiply_add<1, 4, 7>();
      unit.load<5>(a[1], kRowBytes);
      unit.multiply_add<2, 5, 6>();
      unit.multiply_add<3, 5, 7>();
    }
  }

 private:
  Pool& pool_;
  Scratch& scratch_;
};

}  // namespace

TileConvolution* make_tile_convolution(Pool& pool, Scratch& scratch) { return new Convolution(pool, scratch); }

}  // namespace ldc::cpu::LDC_ISA
