(function(){
  var dark = window.matchMedia("(prefers-color-scheme: dark)");
  function ink(colour){
    document.querySelectorAll(".plotly-graph-div").forEach(function(div){
      Plotly.relayout(div, {"font.color": colour});
    });
  }
  function follow(){ ink(getComputedStyle(document.body).color); }
  follow();
  dark.addEventListener("change", follow);
  window.addEventListener("beforeprint", function(){ ink("#222"); });
  window.addEventListener("afterprint", follow);
})();
