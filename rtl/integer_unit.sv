// The integer units, one per slot: value and flags of every atom that computes on integers alone. Combinational; the
// scoreboard knows when a result may be read. Semantics: isa-host/arith.h, whose names the families have.
//
// Undefined flags keep the old image's (FlagPolicy::Documented); a source's bits above the width do not count.
`include "loops.svh"

module integer_unit
  import isa_pkg::*;
#(
  parameter int unsigned Units = 4
) (
  input  logic        valid_i  [Units],
  input  logic [8:0]  family_i [Units],
  input  logic [1:0]  width_i  [Units],                // 0: 8 bits .. 3: 64
  input  logic [63:0] a_i [Units], b_i [Units],        // ra; rb or literal
  input  logic [63:0] d_i [Units], c_i [Units],        // rd as a source; rc
  input  logic [63:0] old_i   [Units],                 // flags image; 0 if none
  input  logic [63:0] imm_i   [Units],                 // of lea: the literal or 0
  input  logic [1:0]  scale_i [Units],
  input  logic [3:0]  cond_i  [Units],
  output logic [63:0] value_o [Units],
  output logic [63:0] flags_o [Units]
);
  localparam int unsigned CF = 0, PF = 2, AF = 4, ZF = 6, SF = 7, OF = 11;
  localparam logic [63:0] FlagsMask = 64'h8d5;

  `include "conditions.svh"

  function automatic logic [6:0] ones(input logic [63:0] v);
    logic [63:0] x;
    x = v - ((v >> 1) & 64'h5555555555555555);
    x = (x & 64'h3333333333333333) + ((x >> 2) & 64'h3333333333333333);
    x = (x + (x >> 4)) & 64'h0f0f0f0f0f0f0f0f;
    return 7'((x * 64'h0101010101010101) >> 56);
  endfunction

  // Zeros below the lowest 1; 64 if there is none.
  function automatic logic [6:0] trailing(input logic [63:0] v);
    return ones(~v & (v - 64'd1));
  endfunction

  function automatic logic [6:0] leading(input logic [63:0] v);
    logic [63:0] x;
    x = v | (v >> 1);
    x = x | (x >> 2);
    x = x | (x >> 4);
    x = x | (x >> 8);
    x = x | (x >> 16);
    x = x | (x >> 32);
    return 7'd64 - ones(x);
  endfunction

  function automatic logic [63:0] swapped(input logic [63:0] v);
    return {v[7:0], v[15:8], v[23:16], v[31:24], v[39:32], v[47:40], v[55:48], v[63:56]};
  endfunction

  always_comb begin
    logic [6:0]  bits;                // the width
    logic [5:0]  top;                 // its last bit
    logic [63:0] mask, a, b, d, r, carries, old, sa, sb, t;
    logic [6:0]  n, m;                // counts
    logic        carry, cf, of, nf;
    logic [127:0] product;
    logic [8:0]  x_family;
    logic [1:0]  x_width, x_scale;
    logic [3:0]  x_cond;
    logic [63:0] x_a, x_b, x_d, x_c, x_old, x_imm, value, flags;
    logic        sign_a, sign_b;
    logic [31:0] x, y, z, ux, uy;

    `ROLLED(i, Units) begin
      value  = '0;
      flags  = '0;
      sign_a = 1'b0;
      sign_b = 1'b0;
      x  = '0;
      y  = '0;
      z  = '0;
      ux = '0;
      uy = '0;
      x_family = family_i[i];
      x_width  = width_i[i];
      x_scale  = scale_i[i];
      x_cond   = cond_i[i];
      x_a      = a_i[i];
      x_b      = b_i[i];
      x_d      = d_i[i];
      x_c      = c_i[i];
      x_old    = old_i[i];
      x_imm    = imm_i[i];
      bits = 7'd8 << x_width;
      top  = 6'(bits - 7'd1);
      mask = ~64'd0 >> (7'd64 - bits);
      a    = x_a & mask;
      b    = x_b & mask;
      d    = x_d & mask;
      sa   = x_a[top] ? a | ~mask : a;  // sign-extended
      sb   = x_b[top] ? b | ~mask : b;
      old  = x_old & FlagsMask;
      n    = {1'b0, x_b[5] & (x_width == 2'd3), x_b[4:0]};
      m    = '0;
      r    = '0;
      t    = '0;
      carries = '0;
      carry = 1'b0;
      cf   = 1'b0;
      of   = 1'b0;
      nf   = 1'b0;
      product = '0;
      value = '0;
      flags = '0;

      if (valid_i[i]) unique case (x_family)
        FamAdd, FamAdc, FamInc: begin
          t       = x_family == FamInc ? 64'd1 : b;
          carry   = x_family == FamAdc && old[CF];
          r       = (a + t + 64'(carry)) & mask;
          carries = (a & t) | ((a | t) & ~r);
          cf      = x_family == FamInc ? old[CF] : carries[top];
          carries = (a ^ r) & (t ^ r);
          of      = carries[top];
          t       = a ^ t ^ r;
          value = r;
          flags = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(t[4]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
        end
        FamSub, FamSbb, FamNeg, FamDec: begin
          t       = x_family == FamDec ? 64'd1 : x_family == FamNeg ? a : b;
          d       = x_family == FamNeg ? 64'd0 : a;
          carry   = x_family == FamSbb && old[CF];
          r       = (d - t - 64'(carry)) & mask;
          carries = (~d & t) | ((~d | t) & r);
          cf      = x_family == FamDec ? old[CF] : carries[top];
          carries = (d ^ t) & (d ^ r);
          of      = carries[top];
          t       = d ^ t ^ r;
          value = r;
          flags = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(t[4]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
        end
        FamAnd, FamOr, FamXor: begin
          r       = x_family == FamAnd ? a & b : x_family == FamOr ? a | b : a ^ b;
          value = r;
          flags = (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(~^r[7:0]) << PF);
        end
        FamShl, FamShr, FamSar: begin
          flags = old;
          value = a;
          if (n != '0) begin
            if (x_family == FamShl) begin
              r  = (a << n) & mask;
              t  = a >> (bits - n);
              cf = n <= bits ? t[0] : old[CF];
              // A count of the width or more shifts out bits that were not there: CF is undefined.
              if (n >= bits) cf = old[CF];
              nf = r[top] ^ cf;
            end else if (x_family == FamShr) begin
              r  = a >> n;
              t  = a >> (n - 7'd1);
              cf = n < bits ? t[0] : old[CF];
              nf = a[top];
            end else begin
              r  = 64'($signed(sa) >>> n) & mask;
              t  = 64'($signed(sa) >>> (n - 7'd1));
              cf = t[0];
              nf = 1'b0;
            end
            of      = n == 7'd1 ? nf : old[OF];
            value = r;
            flags = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(old[AF]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
          end
        end
        FamRol, FamRor: begin
          flags = old;
          value = a;
          if (n != '0) begin
            m  = n & 7'(top);
            if (x_family == FamRor) m = (bits - m) & 7'(top);
            r  = m == '0 ? a : ((a << m) | (a >> (bits - m))) & mask;
            cf = x_family == FamRol ? r[0] : r[top];
            nf = x_family == FamRol ? r[top] ^ cf : cf ^ r[top - 6'd1];
            of = n == 7'd1 ? nf : old[OF];
            value = r;
            flags = (old & ~((64'd1 << OF) | 64'd1)) | (64'(of) << OF) | 64'(cf);
          end
        end
        FamRcl, FamRcr: begin
          // SDM Vol. 2, "RCL/RCR": at 8 and 16 bits the count is taken modulo 9 and 17.
          m = x_width == 2'd0 ? n % 7'd9 : x_width == 2'd1 ? n % 7'd17 : n;
          flags = old;
          value = a;
          if (m != '0) begin
            if (x_family == FamRcl) begin
              t  = a >> (bits - m);
              cf = t[0];
              r  = ((a << m) | (64'(old[CF]) << (m - 7'd1)) | (m == 7'd1 ? 64'd0 : a >> (bits - m + 7'd1))) & mask;
              nf = r[top] ^ cf;
            end else begin
              t  = a >> (m - 7'd1);
              cf = t[0];
              r  = ((a >> m) | (64'(old[CF]) << (bits - m)) | (m == 7'd1 ? 64'd0 : a << (bits - m + 7'd1))) & mask;
              nf = a[top] ^ old[CF];
            end
            of = n == 7'd1 ? nf : old[OF];
            value = r;
            flags = (old & ~((64'd1 << OF) | 64'd1)) | (64'(of) << OF) | 64'(cf);
          end
        end
        FamShld, FamShrd: begin
          flags = old;
          value = d;
          if (n != '0 && n <= bits) begin
            if (x_family == FamShld) begin
              r = n == bits ? a : ((d << n) | (a >> (bits - n))) & mask;
              t = d >> (bits - n);
            end else begin
              r = n == bits ? a : ((d >> n) | (a << (bits - n))) & mask;
              t = d >> (n - 7'd1);
            end
            cf = t[0];
            of = n == 7'd1 ? d[top] ^ r[top] : old[OF];
            value = r;
            flags = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(old[AF]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
          end
        end
        FamBt, FamBts, FamBtr, FamBtc: begin
          t = a >> (x_b[5:0] & top);
          r = 64'd1 << (x_b[5:0] & top);
          value = x_family == FamBts ? a | r : x_family == FamBtr ? a & ~r : x_family == FamBtc ? a ^ r : 64'd0;
          flags = (old & ~64'd1) | 64'(t[0]);
        end
        FamBsf, FamBsr: begin
          value = a == '0 ? b : x_family == FamBsf ? 64'(trailing(a)) : 64'd63 - 64'(leading(a));
          flags = (old & ~(64'd1 << ZF)) | (64'(a == '0) << ZF);
        end
        FamNot:    value = ~a & mask;
        FamClz:    value = 64'(leading(a)) - (64'd64 - 64'(bits));
        FamCtz:    value = a == '0 ? 64'(bits) : 64'(trailing(a));
        FamPopcnt: value = 64'(ones(a));
        FamBswap:  value = swapped(a) >> (7'd64 - bits);
        FamZext:   value = a;
        FamMov:    value = x_a;
        FamSext:   value = sa;
        FamOrcB: begin
          for (int unsigned k = 0; k < 8; k++) value[8*k +: 8] = {8{x_a[8*k +: 8] != '0}};
        end
        FamExtractH: value = 64'(x_a[15:8]);
        FamMulLow:   value = (a * b) & mask;
        FamMulHighU, FamMulHighS, FamMulHighSU, FamMulFlagsU, FamMulFlagsS: begin
          // Signed factors as unsigned ones, less what their sign bits weigh too much.
          sign_a  = x_family == FamMulHighS || x_family == FamMulHighSU || x_family == FamMulFlagsS;
          sign_b  = x_family == FamMulHighS || x_family == FamMulFlagsS;
          d       = sign_a ? sa : a;
          t       = sign_b ? sb : b;
          product = 128'(d) * 128'(t);
          if (sign_a && d[63]) product[127:64] = product[127:64] - t;
          if (sign_b && t[63]) product[127:64] = product[127:64] - d;
          r       = 64'(product >> bits) & mask;
          value = r;
          // Whether the product is more than its low half says.
          carries = product[63:0] & mask;
          nf      = carries[top];
          cf      = sign_b ? (bits == 7'd64 ? product[127:64] != {64{product[63]}}
                                            : product[63:0] != (nf ? carries | ~mask : carries))
                           : r != '0;
          flags = cf ? (64'd1 << OF) | 64'd1 : 64'd0;
        end
        FamDivU: value = b == '0 ? mask : a / b;
        FamRemU: value = b == '0 ? a : a % b;
        FamDivS, FamRemS: begin
          // Division of magnitudes; the remainder has the dividend's sign. The most negative dividend is its own magnitude.
          d = sa[63] ? -sa : sa;
          t = sb[63] ? -sb : sb;
          if (b == '0) begin
            value = x_family == FamDivS ? mask : a;
          end else if (x_family == FamDivS) begin
            r = d / t;
            value = (sa[63] ^ sb[63] ? -r : r) & mask;
          end else begin
            r = d % t;
            value = (sa[63] ? -r : r) & mask;
          end
        end
        FamMinU:   value = a < b ? a : b;
        FamMaxU:   value = a < b ? b : a;
        FamMinS:   value = $signed(sa) < $signed(sb) ? a : b;
        FamMaxS:   value = $signed(sa) < $signed(sb) ? b : a;
        FamAndNot: value = a & ~b & mask;
        FamOrNot:  value = (a | ~b) & mask;
        FamXorNot: value = ~(a ^ b) & mask;
        FamLea:    value = (x_a + (x_b << x_scale) + x_imm) & mask;
        FamLeaUw:  value = x_a + (64'(x_b[31:0]) << x_scale) + x_imm;
        FamSetLtS: value = 64'($signed(x_a) < $signed(x_b));
        FamSetLtU: value = 64'(x_a < x_b);
        FamSetEq:  value = 64'(x_a == x_b);
        FamSetNe:  value = 64'(x_a != x_b);
        FamInsertL: value = x_width == 2'd0 ? {x_a[63:8], x_b[7:0]} : {x_a[63:16], x_b[15:0]};
        FamInsertH: value = {x_a[63:16], x_b[7:0], x_a[7:0]};
        FamSetHigh: value = {x_b[31:0], x_a[31:0]};
        FamAdd32s, FamSub32s, FamShl32s, FamShr32s, FamSar32s, FamRol32s, FamRor32s, FamMulLow32s, FamDivU32s, FamDivS32s, FamRemU32s,
        FamRemS32s: begin
          x  = x_a[31:0];
          y  = x_b[31:0];
          ux = x[31] ? -x : x;
          uy = y[31] ? -y : y;
          z  = '0;
          unique case (x_family)
            FamAdd32s: z = x + y;
            FamSub32s: z = x - y;
            FamShl32s: z = x << y[4:0];
            FamShr32s: z = x >> y[4:0];
            FamSar32s: z = 32'($signed(x) >>> y[4:0]);
            FamRol32s: z = 32'({x, x} << y[4:0] >> 32);
            FamRor32s: z = 32'({x, x} >> y[4:0]);
            FamMulLow32s: z = x * y;
            FamDivU32s: z = y == '0 ? '1 : x / y;
            FamRemU32s: z = y == '0 ? x : x % y;
            FamDivS32s: z = y == '0 ? '1 : x[31] ^ y[31] ? -(ux / uy) : ux / uy;
            default:    z = y == '0 ? x : x[31] ? -(ux % uy) : ux % uy;
          endcase
          value = {{32{z[31]}}, z};
        end
        FamShlUw:    value = 64'(x_a[31:0]) << x_b[5:0];
        FamMovImm:   value = x_imm;
        FamSetCc:    value = 64'(holds(x_cond, x_a));
        FamSelectCc: value = holds(x_cond, x_c) ? x_a : x_b;
        FamSelectNz: value = x_c != '0 ? x_a : x_b;
        default: ;
      endcase
      value_o[i] = valid_i[i] ? value : 64'd0;
      flags_o[i] = valid_i[i] ? flags : 64'd0;
    end
  end
endmodule
