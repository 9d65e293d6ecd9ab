// The registers that have shadows, each file a shadow_file: integer registers with the flags images, vector registers, and
// of the special registers FCR, FSR and GPC. What atoms read before the molecule, and what it leaves at the end of its cycle.
module registers
  import isa_pkg::*;
#(
  parameter int unsigned Width = 4
) (
  input  logic         clk_i,
  input  logic         rst_ni,

  // sources of each atom; the vectors are 0 unless some atom has any
  input  logic         vectors_i,
  input  logic [5:0]   ra_i [MaxWords], rb_i [MaxWords], rc_i [MaxWords], rd_i [MaxWords],
  input  logic [2:0]   fd_i [MaxWords],
  output logic [63:0]  a_o [Width], b_o [Width], c_o [Width], d_o [Width],
  output logic [63:0]  flags_o [Width],              // the flags image fd; none is 0
  output logic [127:0] va_o [Width], vb_o [Width], vd_o [Width],
  output logic [63:0]  fcr_o, fsr_o, gpc_o,

  // results, of a molecule that issues
  input  logic         issue_i,
  input  logic         int_write_i [Width], flags_write_i [Width], vector_write_i [Width],
  input  logic [63:0]  value_i [Width],              // of an integer; of a vector the low half
  input  logic [63:0]  high_value_i [Width],
  input  logic [63:0]  new_flags_i [Width],
  input  logic         fsr_write_i,
  input  logic [63:0]  fsr_i,
  input  logic         fcr_set_i, fsr_set_i, gpc_set_i,  // by the atom that acts last: at most one of them
  input  logic [63:0]  set_i,

  input  logic         commit_i,
  input  logic         rollback_i
);
  localparam logic [1:0] Fcr = 2'd0, Fsr = 2'd1, Gpc = 2'd2;

  // -- reading --------------------------------------------------------------------------------------------------------
  logic [5*Width*6-1:0]   int_read;
  logic [5*Width*64-1:0]  int_read_data;
  logic [3*Width*6-1:0]   vector_read;
  logic [3*Width*128-1:0] vector_read_data;
  logic [191:0]           specials;
  always_comb begin
    int_read    = '0;
    vector_read = '0;
    for (int unsigned i = 0; i < Width; i++) begin
      int_read[30*i +: 30]    = {flags_register(fd_i[i]), rd_i[i], rc_i[i], rb_i[i], ra_i[i]};
      vector_read[18*i +: 18] = {rd_i[i], rb_i[i], ra_i[i]};
    end
  end
  always_comb begin
    for (int unsigned i = 0; i < Width; i++) begin
      a_o[i]     = int_read_data[320*i +: 64];
      b_o[i]     = int_read_data[320*i+64 +: 64];
      c_o[i]     = int_read_data[320*i+128 +: 64];
      d_o[i]     = int_read_data[320*i+192 +: 64];
      flags_o[i] = fd_i[i] == '0 ? 64'd0 : int_read_data[320*i+256 +: 64];
      va_o[i]    = vector_read_data[384*i +: 128];
      vb_o[i]    = vector_read_data[384*i+128 +: 128];
      vd_o[i]    = vector_read_data[384*i+256 +: 128];
    end
  end
  assign fcr_o = specials[63:0];
  assign fsr_o = specials[127:64];
  assign gpc_o = specials[191:128];

  function automatic logic [5:0] flags_register(input logic [2:0] fd);
    return 6'd8 + 6'(fd);
  endfunction

  // -- writing --------------------------------------------------------------------------------------------------------
  logic [2*Width-1:0]    int_valid;        // of each atom its value, then its flags
  logic [2*Width*6-1:0]  int_reg;
  logic [2*Width*64-1:0] int_data;
  logic [Width-1:0]      vector_valid;
  logic [Width*6-1:0]    vector_reg;
  logic [Width*128-1:0]  vector_data;
  logic [1:0]            special_valid;    // floating-point atoms, then what acts last
  logic [3:0]            special_reg;
  always_comb begin
    int_valid    = '0;
    vector_valid = '0;
    int_reg      = '0;
    int_data     = '0;
    vector_reg   = '0;
    vector_data  = '0;
    if (issue_i) begin
      for (int unsigned i = 0; i < Width; i++) begin
        int_valid[2*i +: 2]       = {flags_write_i[i], int_write_i[i]};
        int_reg[12*i +: 12]       = {flags_register(fd_i[i]), rd_i[i]};
        int_data[128*i +: 128]    = {new_flags_i[i], value_i[i]};
        vector_reg[6*i +: 6]      = rd_i[i];
        if (vector_write_i[i]) begin
          vector_valid[i]           = 1'b1;
          vector_data[128*i +: 128] = {high_value_i[i], value_i[i]};
        end
      end
    end
    special_valid = issue_i ? {fcr_set_i || fsr_set_i || gpc_set_i, fsr_write_i} : 2'b00;
    special_reg   = {gpc_set_i ? Gpc : fsr_set_i ? Fsr : Fcr, Fsr};
  end

  shadow_file #(.Regs(64), .Shadowed(NumShadowed), .Width(64), .ReadPorts(5 * Width), .WritePorts(2 * Width)) i_integers (
    .clk_i, .rst_ni, .read_i(1'b1), .read_reg_i(int_read), .read_data_o(int_read_data),
    .write_valid_i(int_valid), .write_reg_i(int_reg), .write_data_i(int_data), .commit_i, .rollback_i
  );
  shadow_file #(.Regs(64), .Shadowed(NumShadowed), .Width(128), .ReadPorts(3 * Width), .WritePorts(Width)) i_vectors (
    .clk_i, .rst_ni, .read_i(vectors_i), .read_reg_i(vector_read), .read_data_o(vector_read_data),
    .write_valid_i(vector_valid), .write_reg_i(vector_reg), .write_data_i(vector_data), .commit_i, .rollback_i
  );
  shadow_file #(.Regs(3), .Shadowed(3), .Width(64), .ReadPorts(3), .WritePorts(2)) i_specials (
    .clk_i, .rst_ni, .read_i(1'b1), .read_reg_i({Gpc, Fsr, Fcr}), .read_data_o(specials),
    .write_valid_i(special_valid), .write_reg_i(special_reg), .write_data_i({set_i, fsr_i}), .commit_i, .rollback_i
  );
endmodule
