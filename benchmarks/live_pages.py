"""The pages that the live benchmark watches: each paints the moment of its painting, as black and white squares."""

import io
from typing import Final

from PIL import Image

_BITS: Final = 44
_SIZE: Final = 16

_STAMP: Final = f"""
const strip = document.createElement('canvas');
strip.width = {_BITS * _SIZE}; strip.height = {_SIZE};
strip.style.cssText = 'position:fixed;left:0;top:0;z-index:9';
document.body.append(strip);
const ink = strip.getContext('2d');
function stamp(value) {{
    for (let bit = 0; bit < {_BITS}; bit++) {{
        ink.fillStyle = Math.floor(value / 2 ** bit) % 2 ? '#fff' : '#000';
        ink.fillRect(bit * {_SIZE}, 0, {_SIZE}, {_SIZE});
    }}
}}
stamp(Date.now());
"""
_FORM: Final = "<style>body{margin:0;font:16px sans-serif}p{margin:24px}</style>" + "".join(
    f"<p>Field {number} <input value='value {number}'> of a form that somebody fills</p>" for number in range(14)
)

PAGES: Final = {
    # A change about twice a second, as of a form that is being filled.
    "/sparse": f"""<body>{_FORM}<script>{_STAMP}
        setInterval(() => requestAnimationFrame(() => stamp(Date.now())), 470)</script>""",
    # Everything moves with every picture that the browser draws.
    "/busy": f"""<body style="margin:0"><canvas id=all width=1280 height=800></canvas><script>{_STAMP}
        const draw = document.getElementById('all').getContext('2d');
        (function step() {{
            for (let n = 0; n < 400; n++) {{
                draw.fillStyle = `hsl(${{Math.random() * 360}} 70% 60%)`;
                draw.fillRect(Math.random() * 1280, Math.random() * 800, 40, 24);
            }}
            stamp(Date.now());
            requestAnimationFrame(step);
        }})()</script>""",
    # Shows how often it was pressed.
    "/press": f"""<body style="height:800px">{_FORM}<script>{_STAMP} let presses = 0; stamp(0);
        addEventListener('mousedown', () => stamp(++presses))</script>""",
    # A portal at work: a caret blinks, a field changes each second.
    "/typical": f"""<body>{_FORM}<script>const fields = [...document.querySelectorAll('input')]; let turn = 0;
        setInterval(() => {{ const field = fields[turn++ % fields.length]; field.focus(); field.value = turn }}, 1000)
        </script>""",
    "/idle": f"<body>{_FORM}",
}


def stamp_of(jpeg: bytes) -> int:
    """Return the number that a page had painted."""
    picture = Image.open(io.BytesIO(jpeg)).convert("L")
    middle = _SIZE // 2
    return sum(
        1 << bit
        for bit in range(_BITS)
        if picture.getpixel((bit * _SIZE + middle, middle)) > 128  # type: ignore[operator]
    )
