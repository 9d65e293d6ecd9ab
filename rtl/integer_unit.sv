// The integer units: value and flags of every atom that computes on integers alone. Combinational; the
// scoreboard knows when a result may be read. Semantics: isa-host/arith.h, whose names the families have.
//
// Undefined flags keep the old image's (FlagPolicy::Documented); a source's bits above the width do not count.
module integer_unit
  import isa_pkg::*;
(
  input  logic [8:0]  family_i,
  input  logic [1:0]  width_i,      // 0: 8 bits .. 3: 64
  input  logic [63:0] a_i, b_i,     // ra; rb or literal
  input  logic [63:0] d_i, c_i,     // rd as a source; rc
  input  logic [63:0] old_i,        // flags image; 0 if none
  input  logic [63:0] imm_i,        // of lea: the literal or 0
  input  logic [1:0]  scale_i,
  input  logic [3:0]  cond_i,
  output logic [63:0] value_o,
  output logic [63:0] flags_o
);
  localparam int unsigned CF = 0, PF = 2, AF = 4, ZF = 6, SF = 7, OF = 11;
  localparam logic [63:0] FlagsMask = 64'h8d5;

  function automatic logic holds(input logic [3:0] cond, input logic [63:0] flags);
    logic value;
    unique case (cond[3:1])
      3'd0: value = flags[OF];
      3'd1: value = flags[CF];
      3'd2: value = flags[ZF];
      3'd3: value = flags[CF] | flags[ZF];
      3'd4: value = flags[SF];
      3'd5: value = flags[PF];
      3'd6: value = flags[SF] ^ flags[OF];
      3'd7: value = flags[ZF] | (flags[SF] ^ flags[OF]);
    endcase
    return value ^ cond[0];
  endfunction

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

    bits = 7'd8 << width_i;
    top  = 6'(bits - 7'd1);
    mask = ~64'd0 >> (7'd64 - bits);
    a    = a_i & mask;
    b    = b_i & mask;
    d    = d_i & mask;
    sa   = a_i[top] ? a | ~mask : a;  // sign-extended
    sb   = b_i[top] ? b | ~mask : b;
    old  = old_i & FlagsMask;
    n    = {1'b0, b_i[5] & (width_i == 2'd3), b_i[4:0]};
    m    = '0;
    r    = '0;
    t    = '0;
    carries = '0;
    carry = 1'b0;
    cf   = 1'b0;
    of   = 1'b0;
    nf   = 1'b0;
    product = '0;
    value_o = '0;
    flags_o = '0;

    unique case (family_i)
      FamAdd, FamAdc, FamInc: begin
        t       = family_i == FamInc ? 64'd1 : b;
        carry   = family_i == FamAdc && old[CF];
        r       = (a + t + 64'(carry)) & mask;
        carries = (a & t) | ((a | t) & ~r);
        cf      = family_i == FamInc ? old[CF] : carries[top];
        carries = (a ^ r) & (t ^ r);
        of      = carries[top];
        t       = a ^ t ^ r;
        value_o = r;
        flags_o = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(t[4]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
      end
      FamSub, FamSbb, FamNeg, FamDec: begin
        t       = family_i == FamDec ? 64'd1 : family_i == FamNeg ? a : b;
        d       = family_i == FamNeg ? 64'd0 : a;
        carry   = family_i == FamSbb && old[CF];
        r       = (d - t - 64'(carry)) & mask;
        carries = (~d & t) | ((~d | t) & r);
        cf      = family_i == FamDec ? old[CF] : carries[top];
        carries = (d ^ t) & (d ^ r);
        of      = carries[top];
        t       = d ^ t ^ r;
        value_o = r;
        flags_o = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(t[4]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
      end
      FamAnd, FamOr, FamXor: begin
        r       = family_i == FamAnd ? a & b : family_i == FamOr ? a | b : a ^ b;
        value_o = r;
        flags_o = (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(~^r[7:0]) << PF);
      end
      FamShl, FamShr, FamSar: begin
        flags_o = old;
        value_o = a;
        if (n != '0) begin
          if (family_i == FamShl) begin
            r  = (a << n) & mask;
            t  = a >> (bits - n);
            cf = n <= bits ? t[0] : old[CF];
            // A count of the width or more shifts out bits that were not there: CF is undefined.
            if (n >= bits) cf = old[CF];
            nf = r[top] ^ cf;
          end else if (family_i == FamShr) begin
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
          value_o = r;
          flags_o = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(old[AF]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
        end
      end
      FamRol, FamRor: begin
        flags_o = old;
        value_o = a;
        if (n != '0) begin
          m  = n & 7'(top);
          if (family_i == FamRor) m = (bits - m) & 7'(top);
          r  = m == '0 ? a : ((a << m) | (a >> (bits - m))) & mask;
          cf = family_i == FamRol ? r[0] : r[top];
          nf = family_i == FamRol ? r[top] ^ cf : cf ^ r[top - 6'd1];
          of = n == 7'd1 ? nf : old[OF];
          value_o = r;
          flags_o = (old & ~((64'd1 << OF) | 64'd1)) | (64'(of) << OF) | 64'(cf);
        end
      end
      FamRcl, FamRcr: begin
        // SDM Vol. 2, "RCL/RCR": at 8 and 16 bits the count is taken modulo 9 and 17.
        m = width_i == 2'd0 ? n % 7'd9 : width_i == 2'd1 ? n % 7'd17 : n;
        flags_o = old;
        value_o = a;
        if (m != '0) begin
          if (family_i == FamRcl) begin
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
          value_o = r;
          flags_o = (old & ~((64'd1 << OF) | 64'd1)) | (64'(of) << OF) | 64'(cf);
        end
      end
      FamShld, FamShrd: begin
        flags_o = old;
        value_o = d;
        if (n != '0 && n <= bits) begin
          if (family_i == FamShld) begin
            r = n == bits ? a : ((d << n) | (a >> (bits - n))) & mask;
            t = d >> (bits - n);
          end else begin
            r = n == bits ? a : ((d >> n) | (a << (bits - n))) & mask;
            t = d >> (n - 7'd1);
          end
          cf = t[0];
          of = n == 7'd1 ? d[top] ^ r[top] : old[OF];
          value_o = r;
          flags_o = (64'(of) << OF) | (64'(r[top]) << SF) | (64'(r == '0) << ZF) | (64'(old[AF]) << AF) | (64'(~^r[7:0]) << PF) | 64'(cf);
        end
      end
      FamBt, FamBts, FamBtr, FamBtc: begin
        t = a >> (b_i[5:0] & top);
        r = 64'd1 << (b_i[5:0] & top);
        value_o = family_i == FamBts ? a | r : family_i == FamBtr ? a & ~r : family_i == FamBtc ? a ^ r : 64'd0;
        flags_o = (old & ~64'd1) | 64'(t[0]);
      end
      FamBsf, FamBsr: begin
        value_o = a == '0 ? b : family_i == FamBsf ? 64'(trailing(a)) : 64'd63 - 64'(leading(a));
        flags_o = (old & ~(64'd1 << ZF)) | (64'(a == '0) << ZF);
      end
      FamNot:    value_o = ~a & mask;
      FamClz:    value_o = 64'(leading(a)) - (64'd64 - 64'(bits));
      FamCtz:    value_o = a == '0 ? 64'(bits) : 64'(trailing(a));
      FamPopcnt: value_o = 64'(ones(a));
      FamBswap:  value_o = swapped(a) >> (7'd64 - bits);
      FamZext:   value_o = a;
      FamMov:    value_o = a_i;
      FamSext:   value_o = sa;
      FamOrcB: begin
        for (int unsigned i = 0; i < 8; i++) value_o[8*i +: 8] = {8{a_i[8*i +: 8] != '0}};
      end
      FamExtractH: value_o = 64'(a_i[15:8]);
      FamMulLow:   value_o = (a * b) & mask;
      FamMulHighU, FamMulHighS, FamMulHighSU, FamMulFlagsU, FamMulFlagsS: begin
        // Signed factors as unsigned ones, less what their sign bits weigh too much.
        logic sign_a, sign_b;
        sign_a  = family_i == FamMulHighS || family_i == FamMulHighSU || family_i == FamMulFlagsS;
        sign_b  = family_i == FamMulHighS || family_i == FamMulFlagsS;
        d       = sign_a ? sa : a;
        t       = sign_b ? sb : b;
        product = 128'(d) * 128'(t);
        if (sign_a && d[63]) product[127:64] = product[127:64] - t;
        if (sign_b && t[63]) product[127:64] = product[127:64] - d;
        r       = 64'(product >> bits) & mask;
        value_o = r;
        // Whether the product is more than its low half says.
        carries = product[63:0] & mask;
        nf      = carries[top];
        cf      = sign_b ? (bits == 7'd64 ? product[127:64] != {64{product[63]}}
                                          : product[63:0] != (nf ? carries | ~mask : carries))
                         : r != '0;
        flags_o = cf ? (64'd1 << OF) | 64'd1 : 64'd0;
      end
      FamDivU: value_o = b == '0 ? mask : a / b;
      FamRemU: value_o = b == '0 ? a : a % b;
      FamDivS, FamRemS: begin
        // Division of magnitudes; the remainder has the dividend's sign. The most negative dividend is its own magnitude.
        d = sa[63] ? -sa : sa;
        t = sb[63] ? -sb : sb;
        if (b == '0) begin
          value_o = family_i == FamDivS ? mask : a;
        end else if (family_i == FamDivS) begin
          r = d / t;
          value_o = (sa[63] ^ sb[63] ? -r : r) & mask;
        end else begin
          r = d % t;
          value_o = (sa[63] ? -r : r) & mask;
        end
      end
      FamMinU:   value_o = a < b ? a : b;
      FamMaxU:   value_o = a < b ? b : a;
      FamMinS:   value_o = $signed(sa) < $signed(sb) ? a : b;
      FamMaxS:   value_o = $signed(sa) < $signed(sb) ? b : a;
      FamAndNot: value_o = a & ~b & mask;
      FamOrNot:  value_o = (a | ~b) & mask;
      FamXorNot: value_o = ~(a ^ b) & mask;
      FamLea:    value_o = (a_i + (b_i << scale_i) + imm_i) & mask;
      FamLeaUw:  value_o = a_i + (64'(b_i[31:0]) << scale_i) + imm_i;
      FamSetLtS: value_o = 64'($signed(a_i) < $signed(b_i));
      FamSetLtU: value_o = 64'(a_i < b_i);
      FamSetEq:  value_o = 64'(a_i == b_i);
      FamSetNe:  value_o = 64'(a_i != b_i);
      FamInsertL: value_o = width_i == 2'd0 ? {a_i[63:8], b_i[7:0]} : {a_i[63:16], b_i[15:0]};
      FamInsertH: value_o = {a_i[63:16], b_i[7:0], a_i[7:0]};
      FamSetHigh: value_o = {b_i[31:0], a_i[31:0]};
      FamAdd32s, FamSub32s, FamShl32s, FamShr32s, FamSar32s, FamRol32s, FamRor32s, FamMulLow32s, FamDivU32s, FamDivS32s, FamRemU32s,
      FamRemS32s: begin
        logic [31:0] x, y, z, ux, uy;
        x  = a_i[31:0];
        y  = b_i[31:0];
        ux = x[31] ? -x : x;
        uy = y[31] ? -y : y;
        z  = '0;
        unique case (family_i)
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
        value_o = {{32{z[31]}}, z};
      end
      FamShlUw:    value_o = 64'(a_i[31:0]) << b_i[5:0];
      FamMovImm:   value_o = imm_i;
      FamSetCc:    value_o = 64'(holds(cond_i, a_i));
      FamSelectCc: value_o = holds(cond_i, c_i) ? a_i : b_i;
      FamSelectNz: value_o = c_i != '0 ? a_i : b_i;
      default: ;
    endcase
  end
endmodule
